//! What calls about records share in a run: the names of zones, changes that go out together, and
//! changes that have not reached all name servers.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_route53::types::{self as sdk, ChangeAction, ChangeStatus};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::{bare, built, name, refusal};
use crate::aws::Cx;
use crate::aws::error::OrNone;
use crate::aws::outbox::{Blame, Change, Outbox};
use crate::engine::error::{Error, Kind, Result, need};
use crate::engine::urn::Id;

/// Most `ResourceRecord` elements in one call; an upsert counts twice. Documented.
const ELEMENTS: usize = 1000;
/// Most characters of all values in one call; those of an upsert count twice. Documented.
const CHARACTERS: usize = 32_000;
/// A change that was just looked at need not be looked at again by the next reader.
const LOOKED: Duration = Duration::from_secs(1);

/// The memory of a run.
#[derive(Default)]
pub(in crate::aws) struct Dns {
    zones: Mutex<HashMap<String, Arc<Zone>>>,
    spreading: Mutex<Spreading>,
}

/// A hosted zone: its records are changed one call after another, as Route 53 wants it.
#[derive(Default)]
struct Zone {
    name: OnceCell<String>,
    outbox: Outbox<RecordChange>,
}

/// Changes that Route 53 has taken and not brought to all its name servers.
#[derive(Default)]
struct Spreading {
    /// The last change of each record, by ids.
    of: HashMap<Id, String>,
    /// When a change was looked at last.
    looked: HashMap<String, Instant>,
    /// Whether the endpoint knows nothing of changes.
    unknown: bool,
}

/// A change of one record.
#[derive(Debug, Clone)]
pub(super) struct RecordChange(sdk::Change);

impl RecordChange {
    pub(super) fn new(action: ChangeAction, record: sdk::ResourceRecordSet) -> Result<Self> {
        built(sdk::Change::builder().action(action).resource_record_set(record).build()).map(Self)
    }

    /// How many elements and characters it counts for.
    fn size(&self) -> (usize, usize) {
        let values = self.0.resource_record_set.iter().flat_map(|r| r.resource_records());
        let (elements, characters) =
            values.fold((0, 0), |(n, length), value| (n + 1, length + value.value.chars().count()));
        let times = if self.0.action == ChangeAction::Upsert { 2 } else { 1 };
        // The documents do not say what an alias counts for.
        (elements.max(1) * times, characters * times)
    }

    /// Whether a refusal speaks of this record.
    fn is_named_in(&self, message: &str) -> bool {
        let Some(record) = &self.0.resource_record_set else { return false };
        let words = |c: char| !(c.is_alphanumeric() || "-_.*\\".contains(c));
        let mut names = message.split(words).filter(|word| !word.is_empty());
        let of_set = match (&record.set_identifier, message.contains(SET)) {
            (Some(set), true) => message.contains(&format!("{SET}'{set}'")),
            _ => true,
        };
        let named = name::plain(&record.name);
        let kind = record.r#type.as_str();
        let of_kind = !message.contains("type") || message.split(words).any(|word| word == kind);
        names.any(|word| name::plain(word) == named) && of_kind && of_set
    }
}

/// What stands before a set identifier in a refusal.
const SET: &str = "set identifier=";

impl Change for RecordChange {
    /// The id of the change, if it has not reached all name servers.
    type Receipt = Option<String>;

    fn fit(changes: &[Self]) -> usize {
        let (mut elements, mut characters) = (0, 0);
        let too_many = changes.iter().position(|change| {
            let (more, longer) = change.size();
            elements += more;
            characters += longer;
            elements > ELEMENTS || characters > CHARACTERS
        });
        too_many.unwrap_or(changes.len())
    }

    fn blame(error: &Error, changes: &[Self]) -> Blame {
        match error.code.as_deref() {
            Some("InvalidChangeBatch") => {}
            Some("InvalidInput") => return Blame::Unknown,
            _ => return Blame::All,
        }
        let mut blamed: HashMap<usize, Vec<String>> = HashMap::new();
        for message in refusal::messages(&error.message) {
            for (i, _) in changes.iter().enumerate().filter(|(_, change)| change.is_named_in(&message)) {
                blamed.entry(i).or_default().push(message.clone());
            }
        }
        let told = |(i, messages): (usize, Vec<String>)| (i, Error { message: messages.join(" "), ..error.clone() });
        Blame::Some(blamed.into_iter().map(told).collect())
    }
}

impl Dns {
    fn zone(&self, id: &str) -> Arc<Zone> {
        let mut zones = self.zones.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(zones.entry(id.to_owned()).or_default())
    }

    fn spreading(&self) -> MutexGuard<'_, Spreading> {
        self.spreading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of a zone, asked for once.
    pub(super) async fn zone_name(&self, id: &str, cx: &Cx) -> Result<String> {
        let zone = self.zone(id);
        let name = zone.name.get_or_try_init(|| {
            cx.joined(SERVICE, async {
                let reply = cx.route53().get_hosted_zone().id(id).send().await?;
                Ok(need("HostedZone", reply.hosted_zone)?.name)
            })
        });
        name.await.cloned()
    }

    /// Changes a record of a zone, together with others of the zone. Says whether the change is still on
    /// its way to the name servers.
    pub(super) async fn change(&self, zone: &str, record: &Id, change: RecordChange, cx: &Cx) -> Result<bool> {
        let call = |changes: Vec<RecordChange>| cx.joined(SERVICE, send(zone, changes, cx));
        let receipt = self.zone(zone).outbox.send(change, cx.company(), call).await?;
        let mut spreading = self.spreading();
        let receipt = receipt.filter(|_| !spreading.unknown);
        match &receipt {
            Some(change) => spreading.of.insert(record.clone(), change.clone()),
            None => spreading.of.remove(record),
        };
        Ok(receipt.is_some())
    }

    /// Those of the records whose last change has not reached all name servers.
    ///
    /// # Errors
    /// If that cannot be told. An endpoint that cannot tell at all is not asked again.
    pub(super) async fn on_their_way(&self, records: &[Id], cx: &Cx) -> Result<BTreeSet<Id>> {
        let changes: BTreeSet<String> = {
            let spreading = self.spreading();
            records.iter().filter_map(|record| spreading.of.get(record).cloned()).collect()
        };
        for change in changes {
            let known = self.spreading().looked.get(&change).is_some_and(|at| at.elapsed() < LOOKED);
            if known {
                continue;
            }
            let reply = cx.route53().get_change().id(&change).send().await.or_none();
            let mut spreading = self.spreading();
            match reply {
                Ok(Some(reply))
                    if reply.change_info.as_ref().is_some_and(|info| info.status == ChangeStatus::Pending) =>
                {
                    spreading.looked.insert(change, Instant::now());
                }
                // Route 53 forgets old changes.
                Ok(_) => spreading.of.retain(|_, last| *last != change),
                Err(error) => {
                    if error.kind == Kind::Unsupported {
                        spreading.of.clear();
                        spreading.unknown = true;
                    }
                    return Err(error);
                }
            }
        }
        let spreading = self.spreading();
        Ok(records.iter().filter(|record| spreading.of.contains_key(*record)).cloned().collect())
    }
}

const SERVICE: &str = "route53";

async fn send(zone: &str, changes: Vec<RecordChange>, cx: &Cx) -> Result<Option<String>> {
    let changes = changes.into_iter().map(|change| change.0).collect();
    let batch = built(sdk::ChangeBatch::builder().set_changes(Some(changes)).build())?;
    let call = cx.route53().change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
    match call.send().await {
        Ok(reply) => {
            let info = need("ChangeInfo", reply.change_info)?;
            Ok((info.status == ChangeStatus::Pending).then(|| bare(&info.id).to_owned()))
        }
        Err(failure) => {
            let body = failure.raw_response().and_then(|r| r.body().bytes()).map(String::from_utf8_lossy);
            let body = body.map(std::borrow::Cow::into_owned);
            Err(refusal::read(failure.into(), body.as_deref()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(action: ChangeAction, name: &str, values: &[&str], set: Option<&str>) -> RecordChange {
        let values = values.iter().map(|v| sdk::ResourceRecord::builder().value(*v).build().unwrap()).collect();
        let record = sdk::ResourceRecordSet::builder()
            .name(name)
            .r#type(sdk::RrType::A)
            .set_set_identifier(set.map(str::to_owned))
            .set_resource_records(Some(values));
        RecordChange::new(action, record.build().unwrap()).unwrap()
    }

    #[test]
    fn a_call_takes_a_thousand_values_and_an_upsert_counts_twice() {
        let one = |action| change(action, "a.example.com", &["192.0.2.1"], None);
        assert_eq!(RecordChange::fit(&vec![one(ChangeAction::Create); 1200]), 1000);
        assert_eq!(RecordChange::fit(&vec![one(ChangeAction::Upsert); 1200]), 500);
        let long = "x".repeat(4000);
        assert_eq!(RecordChange::fit(&vec![change(ChangeAction::Delete, "a", &[&long], None); 20]), 8);
        assert_eq!(RecordChange::fit(&vec![change(ChangeAction::Upsert, "a", &[&long], None); 20]), 4);
    }

    fn blamed(message: &str, changes: &[RecordChange]) -> Vec<(usize, String)> {
        let error = Error { code: Some("InvalidChangeBatch".into()), ..Error::invalid(message) };
        match RecordChange::blame(&error, changes) {
            Blame::Some(blamed) => {
                let mut blamed: Vec<_> = blamed.into_iter().map(|(i, error)| (i, error.message)).collect();
                blamed.sort();
                blamed
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_refusal_is_about_the_records_that_it_names() {
        let create = |name, set| change(ChangeAction::Create, name, &["192.0.2.1"], set);
        let changes = [
            create("a.example.com", None),
            create("www.a.example.com", None),
            create("*.example.com", None),
            create("pair.example.com", Some("one")),
            create("pair.example.com", Some("two")),
        ];
        let there = "Tried to create resource record set [name='a.example.com.', type='A'] but it already exists";
        let set = "Tried to create resource record set [name='pair.example.com.', type='A', set identifier='two'] but it already exists";
        assert_eq!(blamed(&format!("[{there}, {set}]"), &changes), [(0, there.to_owned()), (4, set.to_owned())]);
        let star = "RRSet with DNS name \\052.example.com. is not permitted in zone example.org.";
        assert_eq!(blamed(&format!("[{star}]"), &changes), [(2, star.to_owned())]);
        let other = "Tried to create resource record set a.example.com. type AAAA but it already exists.";
        assert_eq!(blamed(other, &changes), []);
        let plain = "Tried to create resource record set www.a.example.com. type A but it already exists.";
        assert_eq!(blamed(plain, &changes), [(1, plain.to_owned())]);
        assert_eq!(blamed("[Invalid Resource Record: FATAL problem: ARRDATAIllegalIPv4Address]", &changes), []);
    }

    #[test]
    fn a_zone_that_is_not_there_concerns_all() {
        let error = Error { code: Some("NoSuchHostedZone".into()), ..Error::new(Kind::NotFound, "no zone") };
        assert!(matches!(RecordChange::blame(&error, &[]), Blame::All));
    }
}
