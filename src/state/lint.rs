//! Rules that every state keeps, checked on their own and not by the code that is to keep them.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::aws;
use crate::engine::diagnostic::nearest;
use crate::engine::provider::Catalog;
use crate::engine::resource::Scope;
use crate::engine::state::{Begun, Row, State};
use crate::engine::urn::{Id, Place, Urn, is_logical_name};
use crate::engine::value::Value;
use crate::state::error::{Result, StateError};
use crate::state::order;

/// A rule that a state breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub urn: Urn,
    pub generation: u32,
    pub rule: Broken,
}

/// The rules, as they are broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// Two rows stand for the resource now.
    LiveTwice,
    /// No program can give a resource that logical name.
    NoLogicalName,
    /// The row replaces one of the same or a higher generation.
    GenerationBackwards,
    /// The row is kept under the key of another.
    WrongKey,
    /// The URN does not have the parts of one.
    NoUrn,
    NoType,
    NoPlace,
    /// The resource has no id, and no create is under way.
    NoId,
    /// The row names a resource that has no row.
    Missing(Urn),
    /// The row names a resource whose rows all come after it.
    Later(Urn),
    /// The row names itself.
    Itself,
    /// A row that is only read has a change under way.
    ExternalChanging,
    /// There is no such type.
    UnknownType {
        given: String,
        near: Option<String>,
    },
    /// The URN names another type than the row.
    OtherType {
        given: String,
    },
    /// There is no such region.
    UnknownRegion {
        given: String,
        near: Option<String>,
    },
    /// The resource is in a region, and its type has none.
    NotGlobal {
        given: String,
    },
    /// The resource is in no region, and its type lives in one.
    NotInRegion,
    /// Another row stands for the same thing in the cloud.
    SameThing(Urn),
    /// The region is of another partition of AWS than the state.
    OtherPartition {
        region: String,
        partition: String,
    },
    /// The ARN of the resource names another region.
    OtherRegion {
        given: String,
        arn: String,
    },
}

/// What there is for a state to name.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    pub catalog: &'a Catalog,
    pub regions: &'a [&'a str],
    /// Whether a text has the form of a region: AWS may have more than are known.
    pub is_region: fn(&str) -> bool,
}

/// What a state names that does not exist, or does not fit together, in the order of its rows.
pub fn lint_names(state: &State, world: World<'_>) -> Vec<Finding> {
    let mut things: HashMap<(&str, &Place, &Id), &Urn> = HashMap::new();
    let mut findings = Vec::new();
    for row in state.rows.values() {
        let unfit = Urn::parse(row.key.urn.as_str()).is_some_and(|urn| !is_logical_name(urn.name()));
        let unfit = unfit.then_some(Broken::NoLogicalName);
        let fits_no_world = world.of_type(row).into_iter().chain(world.of_place(row, state.partition.as_deref()));
        let other = world.thing(row).and_then(|thing| things.insert(thing, &row.key.urn));
        let shared = other.filter(|other| **other != row.key.urn).map(|other| Broken::SameThing(other.clone()));
        let rules = unfit.into_iter().chain(fits_no_world).chain(of_arn(row)).chain(shared);
        findings.extend(rules.map(|rule| Finding { urn: row.key.urn.clone(), generation: row.key.generation, rule }));
    }
    findings
}

impl<'w> World<'w> {
    /// What the row stands for in the cloud and manages there. The old half of a replacement may be what the
    /// new one is.
    fn thing<'r>(&self, row: &'r Row) -> Option<(&'w str, &'r Place, &'r Id)> {
        let schema = self.catalog.find(&row.ty)?;
        let manages = !schema.facts.local && !row.external && !row.old;
        row.id.as_ref().filter(|_| manages).map(|id| (schema.token, &row.place, id))
    }

    fn of_type(&self, row: &Row) -> Option<Broken> {
        if row.ty.is_empty() {
            return None;
        }
        let Some(schema) = self.catalog.find(&row.ty) else {
            let near = nearest(&row.ty, self.catalog.tokens());
            return Some(Broken::UnknownType { given: row.ty.clone(), near: near.map(str::to_owned) });
        };
        let named = row.key.urn.ty();
        let is_same = self.catalog.find(named).is_some_and(|named| named.token == schema.token);
        (!is_same && !named.is_empty()).then(|| Broken::OtherType { given: row.ty.clone() })
    }

    fn of_place(&self, row: &Row, partition: Option<&str>) -> Option<Broken> {
        let Place(given) = &row.place;
        if given.is_empty() {
            return None;
        }
        let scope = self.catalog.find(&row.ty).map(|schema| schema.facts.scope);
        match (row.place.is_global(), scope) {
            (true, Some(Scope::Region)) => return Some(Broken::NotInRegion),
            (true, _) => return None,
            (false, Some(Scope::Global)) => return Some(Broken::NotGlobal { given: given.clone() }),
            (false, _) => {}
        }
        if !self.regions.contains(&given.as_str()) {
            let near = nearest(given, self.regions.iter().copied().chain([Place::GLOBAL]));
            return Some(Broken::UnknownRegion { given: given.clone(), near: near.map(str::to_owned) });
        }
        let partition = partition.filter(|partition| *partition != aws::partition_of(given))?;
        Some(Broken::OtherPartition { region: given.clone(), partition: partition.to_owned() })
    }

    /// Whether what says that a resource is not there may come from where it never was.
    fn misleads(&self, rule: &Broken) -> bool {
        match rule {
            Broken::OtherType { .. }
            | Broken::NotGlobal { .. }
            | Broken::NotInRegion
            | Broken::OtherPartition { .. }
            | Broken::OtherRegion { .. } => true,
            Broken::UnknownRegion { given, .. } => !(self.is_region)(given),
            _ => false,
        }
    }
}

/// That a resource is in another region than its own ARN says. Many ARNs name none.
fn of_arn(row: &Row) -> Option<Broken> {
    let Place(given) = &row.place;
    let Value::Map(outputs) = &row.outputs else { return None };
    // An id may be the ARN of something else, such as the table of a replica.
    let arn = match outputs.get("arn") {
        Some(arn) => arn.as_str()?,
        None => row.id.as_ref()?.0.as_str(),
    };
    let region = arn.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())?;
    let differs = !given.is_empty() && !row.place.is_global() && region != given;
    differs.then(|| Broken::OtherRegion { given: given.clone(), arn: arn.to_owned() })
}

/// Everything that is wrong with a state, in the order of its rows.
pub fn lint(state: &State) -> Vec<Finding> {
    let all: HashSet<&Urn> = state.rows.keys().map(|key| &key.urn).collect();
    let mut live: HashSet<&Urn> = HashSet::with_capacity(all.len());
    let mut highest: HashMap<&Urn, u32> = HashMap::with_capacity(all.len());
    for row in state.rows.values() {
        let top = highest.entry(&row.key.urn).or_default();
        *top = row.key.generation.max(*top);
    }
    let mut come = HashSet::with_capacity(all.len());
    let mut findings = Vec::new();
    for (key, row) in &state.rows {
        let mut find = |rule| findings.push(Finding { urn: key.urn.clone(), generation: key.generation, rule });
        if *key != row.key {
            find(Broken::WrongKey);
        }
        if !row.old && !live.insert(&key.urn) {
            find(Broken::LiveTwice);
        }
        if !row.old && highest.get(&key.urn).is_some_and(|top| *top > key.generation) {
            find(Broken::GenerationBackwards);
        }
        of_row(row).into_iter().for_each(&mut find);
        for urn in order::before(row) {
            if *urn == key.urn {
                find(Broken::Itself);
            } else if !all.contains(urn) {
                find(Broken::Missing(urn.clone()));
            } else if !come.contains(urn) {
                find(Broken::Later(urn.clone()));
            }
        }
        come.insert(&key.urn);
    }
    findings
}

/// Refuses a state that breaks a rule, before anything is planned from it. In which order rows stand in
/// memory means nothing, so that is no matter. Of what rows name, it matters what decides who is asked
/// for a resource: whoever never had it says that it is gone.
///
/// # Errors
/// [`StateError::Broken`] with all that is wrong.
pub fn check_sound(state: &State, world: World<'_>) -> Result<()> {
    let mut findings = lint(state);
    findings.retain(|finding| !matches!(finding.rule, Broken::Later(_)));
    findings.extend(lint_names(state, world).into_iter().filter(|finding| world.misleads(&finding.rule)));
    match findings.is_empty() {
        true => Ok(()),
        false => Err(StateError::Broken { stack: state.stack.clone(), findings }),
    }
}

fn of_row(row: &Row) -> Vec<Broken> {
    let creating = row.pending.as_ref().is_some_and(|p| p.op == Begun::Create);
    let may_lack_id = creating || row.is_skipped() || row.is_bequest();
    let rules = [
        (Urn::parse(row.key.urn.as_str()).is_none(), Broken::NoUrn),
        (row.ty.is_empty(), Broken::NoType),
        (row.place.0.is_empty(), Broken::NoPlace),
        (row.id.as_ref().is_none_or(|id| id.0.is_empty()) && !may_lack_id, Broken::NoId),
        (row.external && row.pending.is_some(), Broken::ExternalChanging),
    ];
    rules.into_iter().filter_map(|(broken, rule)| broken.then_some(rule)).collect()
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.urn, self.rule)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LiveTwice => f.write_str("two rows stand for it"),
            Self::NoLogicalName => {
                f.write_str("no program can have its name: `drctl state mv` gives it one without `::`")
            }
            Self::GenerationBackwards => f.write_str("an older generation stands for it than the newest"),
            Self::WrongKey => f.write_str("its row is kept under another key"),
            Self::NoUrn => f.write_str("its name is no URN"),
            Self::NoType => f.write_str("it has no type"),
            Self::NoPlace => f.write_str("it has no region"),
            Self::NoId => f.write_str("it has no id, and no create is under way"),
            Self::Missing(urn) => write!(f, "it names `{urn}`, which has no row"),
            Self::Later(urn) => write!(f, "it names `{urn}`, which comes after it"),
            Self::Itself => f.write_str("it depends on itself"),
            Self::ExternalChanging => f.write_str("it is only read, and a change of it is under way"),
            Self::UnknownType { given, near } => write!(f, "there is no type `{given}`{}", meant(near.as_deref())),
            Self::OtherType { given } => write!(f, "its type is `{given}`, and its URN names another one"),
            Self::UnknownRegion { given, near } => write!(f, "there is no region `{given}`{}", meant(near.as_deref())),
            Self::NotGlobal { given } => {
                write!(f, "it is in `{given}`, and its type lives in no region: did you mean `{}`?", Place::GLOBAL)
            }
            Self::NotInRegion => write!(f, "it is `{}`, and its type lives in a region", Place::GLOBAL),
            Self::SameThing(other) => {
                write!(f, "it is what `{other}` is, too: take one of them out of the program and run `drctl up`")
            }
            Self::OtherPartition { region, partition } => {
                write!(f, "its region `{region}` is none of `{partition}`, where the account of the state is")
            }
            Self::OtherRegion { given, arn } => write!(f, "it is in `{given}`, and its ARN is `{arn}`"),
        }
    }
}

fn meant(near: Option<&str>) -> String {
    near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::state::{Key, Pending};
    use crate::engine::value::Map;

    fn urn(name: &str) -> Urn {
        Urn::new("s", "p", "t:i:T", name)
    }

    fn row(name: &str, generation: u32) -> Row {
        let key = Key { urn: urn(name), generation };
        Row { id: Some(Id("x".into())), ..Row::new(key, "t:i:T", Place::global()) }
    }

    fn world() -> World<'static> {
        let is_region = |text: &str| text.split('-').count() == 3;
        World { catalog: crate::aws::catalog(), regions: &["eu-west-1", "us-east-1", "cn-north-1"], is_region }
    }

    fn found(rows: impl IntoIterator<Item = Row>) -> Vec<Broken> {
        let mut state = State::new("l", "s", "p", "twin");
        state.rows = rows.into_iter().map(|r| (r.key.clone(), Arc::new(r))).collect();
        lint(&state).into_iter().map(|f| f.rule).collect()
    }

    fn pending(op: Begun) -> Option<Pending> {
        Some(Pending { op, attempt: "a".into(), inputs: Value::Null })
    }

    #[test]
    fn a_sound_state_has_no_findings() {
        let old = Row { old: true, ..row("a", 0) };
        let creating = Row { id: None, pending: pending(Begun::Create), ..row("c", 0) };
        let child = Row { needs: vec![urn("a")], parent: Some(urn("a")), ..row("b", 0) };
        assert_eq!(found([old, row("a", 1), child, creating]), []);
    }

    #[test]
    fn every_broken_rule_is_found() {
        assert_eq!(found([row("a", 0), row("a", 1)]), [Broken::GenerationBackwards, Broken::LiveTwice]);
        assert_eq!(found([row("a", 1), Row { old: true, ..row("a", 2) }]), [Broken::GenerationBackwards]);
        assert_eq!(found([Row { ty: String::new(), ..row("a", 0) }]), [Broken::NoType]);
        assert_eq!(found([Row { place: Place(String::new()), ..row("a", 0) }]), [Broken::NoPlace]);
        assert_eq!(found([Row { id: None, ..row("a", 0) }]), [Broken::NoId]);
        assert_eq!(found([Row { id: None, pending: pending(Begun::Update), ..row("a", 0) }]), [Broken::NoId]);
        assert_eq!(found([Row { id: None, skipped: vec!["ec2:CreateThing".into()], ..row("a", 0) }]), []);
        let changing = Row { external: true, pending: pending(Begun::Delete), ..row("a", 0) };
        assert_eq!(found([changing]), [Broken::ExternalChanging]);
    }

    #[test]
    fn what_a_row_names_must_be_there_and_come_before_it() {
        let needs = |of: &str| Row { needs: vec![urn(of)], ..row("a", 0) };
        assert_eq!(found([needs("b")]), [Broken::Missing(urn("b"))]);
        assert_eq!(found([needs("b"), row("b", 0)]), [Broken::Later(urn("b"))]);
        assert_eq!(found([needs("a")]), [Broken::Itself]);
        assert_eq!(found([Row { parent: Some(urn("b")), ..row("a", 0) }]), [Broken::Missing(urn("b"))]);
        assert_eq!(found([Row { deleted_with: Some(urn("b")), ..row("a", 0) }]), [Broken::Missing(urn("b"))]);
    }

    #[test]
    fn what_does_not_exist_or_fit_is_found_with_the_nearest_name() {
        const VPC: &str = "aws:ec2/vpc:Vpc";
        let at = |named: &str, ty: &str, place: &str| {
            let key = Key { urn: Urn::new("s", "p", named, "a"), generation: 0 };
            let row = Row { id: Some(Id("x".into())), ..Row::new(key, ty, Place(place.into())) };
            let mut state = State { partition: Some("aws".into()), ..State::new("l", "s", "p", "aws") };
            state.rows.insert(row.key.clone(), Arc::new(row));
            let found = lint_names(&state, world()).iter().map(ToString::to_string).collect::<Vec<_>>();
            assert!(found.iter().all(|text| text.starts_with(&format!("`{}`: ", state.rows[0].key.urn))), "{found:?}");
            found.into_iter().map(|text| text.split_once("`: ").unwrap().1.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(at(VPC, VPC, "eu-west-1"), [""; 0]);
        assert_eq!(at("aws:iam/role:Role", "aws:iam/role:Role", "global"), [""; 0]);
        assert_eq!(at("my:c:C$aws:ec2/vpc:Vpc", VPC, "eu-west-1"), [""; 0]);
        let found = |named: &str, ty: &str, place: &str| at(named, ty, place).join("; ");
        assert_eq!(
            found(VPC, "aws:ec2/vcp:Vcp", "eu-west-1"),
            "there is no type `aws:ec2/vcp:Vcp`: did you mean `aws:ec2/vpc:Vpc`?"
        );
        assert_eq!(
            found(VPC, "aws:ec2/subnet:Subnet", "eu-west-1"),
            "its type is `aws:ec2/subnet:Subnet`, and its URN names another one"
        );
        assert_eq!(found(VPC, VPC, "eu-west1"), "there is no region `eu-west1`: did you mean `eu-west-1`?");
        assert_eq!(found(VPC, VPC, "globl"), "there is no region `globl`: did you mean `global`?");
        assert_eq!(found(VPC, VPC, "atlantis"), "there is no region `atlantis`");
        assert_eq!(found(VPC, VPC, "global"), "it is `global`, and its type lives in a region");
        assert_eq!(
            found("aws:iam/role:Role", "aws:iam/role:Role", "us-east-1"),
            "it is in `us-east-1`, and its type lives in no region: did you mean `global`?"
        );
        assert_eq!(
            found(VPC, VPC, "cn-north-1"),
            "its region `cn-north-1` is none of `aws`, where the account of the state is"
        );
        assert_eq!(found(VPC, "azure:x:Y", "moon"), "there is no type `azure:x:Y`; there is no region `moon`");
    }

    #[test]
    fn two_rows_that_stand_for_one_thing_are_found() {
        const TOPIC: &str = "aws:sns/topic:Topic";
        let row = |name: &str, place: &str, id: &str| {
            let key = Key { urn: Urn::new("s", "p", TOPIC, name), generation: 0 };
            Row { id: Some(Id(id.into())), ..Row::new(key, TOPIC, Place(place.into())) }
        };
        let found = |other: Row| {
            let mut state = State::new("l", "s", "p", "aws");
            state.rows = [row("a", "eu-west-1", "x"), other].map(|r| (r.key.clone(), Arc::new(r))).into();
            lint_names(&state, world()).into_iter().map(|found| found.rule).collect::<Vec<_>>()
        };
        let same = || row("b", "eu-west-1", "x");
        assert_eq!(found(same()), [Broken::SameThing(Urn::new("s", "p", TOPIC, "a"))]);
        assert_eq!(found(row("b", "us-east-1", "x")), []);
        assert_eq!(found(row("b", "eu-west-1", "y")), []);
        assert_eq!(found(Row { external: true, ..same() }), []);
        assert_eq!(found(Row { old: true, ..same() }), []);
    }

    #[test]
    fn a_name_that_no_program_can_give_is_found_and_keeps_no_run_away() {
        let mut state = State::new("l", "s", "p", "twin");
        state.rows = [row("a::b", 0), row("c", 0)].map(|r| (r.key.clone(), Arc::new(r))).into();
        let found: Vec<Finding> = lint_names(&state, world());
        let named: Vec<&Urn> =
            found.iter().filter(|finding| finding.rule == Broken::NoLogicalName).map(|finding| &finding.urn).collect();
        assert_eq!(named, [&urn("a::b")]);
        assert!(check_sound(&state, world()).is_ok());
    }

    #[test]
    fn a_row_whose_own_arn_is_in_another_region_is_found_and_nothing_is_planned_from_it() {
        let found = |ty: &str, place: &str, id: &str, arn: Option<&str>| {
            let key = Key { urn: Urn::new("s", "p", ty, "a"), generation: 0 };
            let outputs = arn.map(|arn| ("arn".to_owned(), Value::from(arn)));
            let outputs = Value::Map(outputs.into_iter().collect::<Map>());
            let row = Row { id: Some(Id(id.into())), outputs, ..Row::new(key, ty, Place(place.into())) };
            let mut state = State { partition: Some("aws".into()), ..State::new("l", "s", "p", "aws") };
            state.rows.insert(row.key.clone(), Arc::new(row));
            let found = lint_names(&state, world()).into_iter().map(|f| f.rule.to_string()).collect::<Vec<_>>();
            assert_eq!(check_sound(&state, world()).is_err(), !found.is_empty());
            found.join("; ")
        };
        let vpc = "arn:aws:ec2:us-east-1:1:vpc/vpc-1";
        assert_eq!(found("aws:ec2/vpc:Vpc", "us-east-1", "vpc-1", Some(vpc)), "");
        assert_eq!(
            found("aws:ec2/vpc:Vpc", "eu-west-1", "vpc-1", Some(vpc)),
            format!("it is in `eu-west-1`, and its ARN is `{vpc}`")
        );
        let topic = "arn:aws:sns:us-east-1:1:t";
        assert_eq!(
            found("aws:sns/topicPolicy:TopicPolicy", "eu-west-1", topic, None),
            format!("it is in `eu-west-1`, and its ARN is `{topic}`")
        );
        let (table, replica) = ("arn:aws:dynamodb:us-east-1:1:table/t", "arn:aws:dynamodb:eu-west-1:1:table/t");
        assert_eq!(found("aws:dynamodb/tableReplica:TableReplica", "eu-west-1", table, Some(replica)), "");
        assert_eq!(found("aws:s3/bucket:Bucket", "eu-west-1", "b", Some("arn:aws:s3:::b")), "");
        assert_eq!(found("aws:iam/role:Role", "global", "r", Some("arn:aws:iam::1:role/r")), "");
    }

    #[test]
    fn nothing_is_planned_from_a_row_whose_type_or_place_was_changed() {
        let refused = |named: &str, ty: &str, place: &str| {
            let key = Key { urn: Urn::new("s", "p", named, "a"), generation: 0 };
            let row = Row { id: Some(Id("x".into())), ..Row::new(key, ty, Place(place.into())) };
            let mut state = State { partition: Some("aws".into()), ..State::new("l", "s", "p", "aws") };
            state.rows.insert(row.key.clone(), Arc::new(row));
            check_sound(&state, world()).is_err()
        };
        let (vpc, role) = ("aws:ec2/vpc:Vpc", "aws:iam/role:Role");
        assert!(!refused(vpc, vpc, "us-east-1") && !refused(role, role, "global"));
        assert!(refused(vpc, vpc, "mars"));
        assert!(refused(vpc, "aws:s3/bucket:Bucket", "us-east-1"));
        assert!(refused(vpc, vpc, "global"));
        assert!(refused(role, role, "us-east-1"));
        assert!(refused(vpc, vpc, "cn-north-1"));
        assert!(!refused(vpc, vpc, "eu-west-9"), "AWS may have it by now");
    }

    #[test]
    fn a_row_under_the_key_of_another_is_found() {
        let mut state = State::new("l", "s", "p", "twin");
        state.rows.insert(Key { urn: urn("b"), generation: 0 }, Arc::new(row("a", 0)));
        assert_eq!(lint(&state)[0].to_string(), "`urn:pulumi:s::p::t:i:T::b`: its row is kept under another key");
    }
}
