//! What calls do: rows are made, seen, changed and removed, or the call is refused.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::engine::error::{Error, Kind, Result};
use crate::engine::path::Path;
use crate::engine::provider::{At, Catalog, KindAt, Live, Made, Next};
use crate::engine::resource::{Existing, FoundBy, IdForm, Seen};
use crate::engine::schema::{Property, Shape, TypeSchema};
use crate::engine::urn::{Id, Place};
use crate::engine::value::{Map, Value};
use crate::twin::late::Late;
use crate::twin::outputs::{Newborn, foreseen, moved};
use crate::twin::persist::is_print_of;
use crate::twin::quirks::{self, Draft, End, Ending, Interfaces, Step};
use crate::twin::refer::{From, References};
use crate::twin::refusal::{Operation, Refusal};
use crate::twin::row::{Phase, Row, Serial};
use crate::twin::world::World;
use crate::twin::{accept, naming, tags};

/// The rows and all that is needed to judge a call.
#[derive(Debug)]
pub(super) struct Cloud {
    pub(super) catalog: Arc<Catalog>,
    pub(super) references: References,
    pub(super) world: World,
    /// Why the next new resource will never be ready.
    pub(super) spoils: Option<String>,
    /// Updates have no effect and ask for another round.
    pub(super) ignores: bool,
    /// How long reads and searches do not see what was just made.
    pub(super) lag: Duration,
    pub(super) late: Late,
}

impl Cloud {
    pub(super) fn new(catalog: Arc<Catalog>) -> Self {
        let (references, world, late) = (References::new(&catalog), World::default(), Late::default());
        Self { catalog, references, world, spoils: None, ignores: false, lag: Duration::ZERO, late }
    }

    /// Lets happen what was to happen until now.
    pub(super) fn settle(&mut self, now: Timestamp) {
        while let Some(serial) = self.world.due(now) {
            match self.world.row(serial).map(|r| &r.phase) {
                Some(Phase::Changing { .. }) => self.world.enter(serial, Phase::Ready),
                _ => self.remove(serial),
            }
        }
        self.world.release(now);
    }

    pub(super) fn remove(&mut self, serial: Serial) {
        let references = &self.references;
        self.world.remove(serial, |row| references.names(row));
    }

    pub(super) fn create(&mut self, at: &At, inputs: &Value, now: Timestamp) -> Result<Made> {
        let catalog = Arc::clone(&self.catalog);
        let schema = schema(&catalog, &at.kind)?;
        let no = Refusal { schema, operation: Operation::Create };
        if schema.facts.found_by == FoundBy::Token
            && let Some(serial) = self.attempted(schema, at).next()
        {
            return Ok(self.made(schema, serial));
        }
        let mut inputs = accept::inputs(no, inputs)?;
        tags::check(no, &inputs)?;
        if schema.facts.found_by == FoundBy::OwnerTag {
            tags::check_ours(no, at)?;
        }
        let place = &at.kind.place;
        let refers = self.resolve(&catalog, no, place, None, &inputs)?;
        quirks::in_reach(no, place, &inputs)?;
        let birth = quirks::of(schema.token).admit(&Draft {
            world: &self.world,
            no,
            place,
            owner: &at.owner,
            inputs: &inputs,
            refers: &refers,
        })?;
        let serial = self.world.next();
        let restored = birth.restores.and_then(|kept| self.world.row(kept)).map(|row| row.id.clone());
        let id = restored.unwrap_or_else(|| naming::id(schema, serial, place, &inputs));
        if let Some(kept) = birth.restores {
            self.remove(kept);
        }
        if let Some(other) = self.world.taken(schema.token, place, &id.0) {
            let overwrites = match schema.facts.existing {
                Existing::Set | Existing::PutInPlace(_) => true,
                Existing::RefusedUnless(input) => inputs.get(input).and_then(Value::as_bool) == Some(true),
                Existing::Refused | Existing::LookedFor(_) => false,
            };
            match self.world.row(other) {
                Some(Row { phase: Phase::Deleting { .. }, .. }) => {
                    return Err(no.busy("OperationAborted", format!("`{id}` is still being deleted")));
                }
                Some(row) if overwrites && row.is_there() => self.remove(other),
                _ => return Err(no.exists(&id.0)),
            }
        }
        if let IdForm::Input(name) = schema.facts.id {
            inputs.entry(name.to_owned()).or_insert_with(|| Value::from(id.0.as_str()));
        }
        let newborn = Newborn { schema, serial, place, id: &id, now };
        newborn.fill(&mut inputs);
        let mut outputs = newborn.outputs(&inputs);
        outputs.extend(birth.outputs.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let phase = match birth.failed.or_else(|| std::mem::take(&mut self.spoils)) {
            Some(why) => Phase::Failed(why),
            None => lasting("creating", schema.facts.takes.create, now),
        };
        let row = Row {
            token: schema.token,
            place: place.clone(),
            id,
            urn: at.urn.clone(),
            owner: at.owner.clone(),
            attempt: at.attempt.clone(),
            inputs,
            outputs,
            refers,
            phase,
            contents: 0,
            member: birth.member,
            created: now,
        };
        let names = self.references.names(&row);
        self.world.insert(row, &names);
        for (other, name, value) in birth.elsewhere {
            self.world.show(other, name, value);
        }
        Ok(self.made(schema, serial))
    }

    fn made(&self, schema: &TypeSchema, serial: Serial) -> Made {
        let row = self.world.row(serial);
        let seen = row.filter(|row| row.phase == Phase::Ready).map(|_| self.seen(schema, serial));
        Made { id: row.map_or_else(|| Id(String::new()), |row| row.id.clone()), seen }
    }

    pub(super) fn read(&self, kind: &KindAt, ids: &[Id], now: Timestamp) -> Result<Vec<Seen<Live>>> {
        let schema = schema(&self.catalog, kind)?;
        let visible = |serial: &Serial| self.world.row(*serial).is_some_and(|row| self.is_visible(row, now));
        let found = |id| self.world.find(schema.token, &kind.place, id).filter(visible);
        Ok(ids.iter().map(|id| found(id).map_or(Seen::Gone, |serial| self.seen(schema, serial))).collect())
    }

    fn is_visible(&self, row: &Row, now: Timestamp) -> bool {
        later(row.created, self.lag) <= now
    }

    fn seen(&self, schema: &TypeSchema, serial: Serial) -> Seen<Live> {
        match self.world.row(serial).map(|row| &row.phase) {
            None | Some(Phase::Kept { .. }) => Seen::Gone,
            Some(Phase::Failed(why)) => Seen::Failed(why.clone()),
            Some(phase @ (Phase::Changing { .. } | Phase::Deleting { .. })) => Seen::Pending(phase.word().to_owned()),
            Some(Phase::Ready) => self.live(schema, serial).map_or(Seen::Gone, Seen::Ready),
        }
    }

    /// What the cloud shows of a row: everything but write-only inputs.
    pub(super) fn live(&self, schema: &TypeSchema, serial: Serial) -> Option<Live> {
        let row = self.world.row(serial)?;
        let (mut inputs, mut outputs) = (visible(&schema.inputs.properties, &row.inputs), row.outputs.clone());
        quirks::of(schema.token).show(&self.world, serial, &mut inputs, &mut outputs);
        outputs.retain(|name, _| schema.outputs.get(name).is_some());
        Some(Live { inputs: Value::Map(inputs), outputs: Value::Map(outputs) })
    }

    /// These inputs with some as the resource has them already.
    pub(super) fn but_for(&self, some: &[String], kind: &KindAt, id: &Id, inputs: &Value) -> Value {
        let mut inputs = inputs.clone();
        let serial = self.catalog.find(&kind.ty).and_then(|schema| self.world.find(schema.token, &kind.place, id));
        if let Some(row) = serial.and_then(|serial| self.world.row(serial)).filter(|_| !some.is_empty()) {
            let has = Value::Map(row.inputs.clone());
            some.iter().for_each(|input| Path::default().key(input).transplant(&has, &mut inputs));
        }
        inputs
    }

    pub(super) fn update(&mut self, at: &At, id: &Id, inputs: &Value, now: Timestamp) -> Result<Next> {
        let catalog = Arc::clone(&self.catalog);
        let schema = schema(&catalog, &at.kind)?;
        let no = Refusal { schema, operation: Operation::Update };
        let place = &at.kind.place;
        let serial = self.world.find(schema.token, place, id).ok_or_else(|| no.gone(&id.0))?;
        let row = self.world.row(serial).ok_or_else(|| no.gone(&id.0))?;
        still(no, row)?;
        if self.ignores {
            return Ok(Next::More("another round".to_owned()));
        }
        let mut wanted = accept::inputs(no, inputs)?;
        tags::check(no, &wanted)?;
        replaced(no, &row.inputs, &wanted)?;
        let refers = self.resolve(&catalog, no, place, Some(serial), &wanted)?;
        quirks::in_reach(no, place, &wanted)?;
        quirks::of(schema.token).amend(
            serial,
            &Draft { world: &self.world, no, place, owner: &at.owner, inputs: &wanted, refers: &refers },
        )?;
        for property in &schema.inputs.properties {
            if (property.computed || property.write_only || property.initial)
                && !wanted.contains_key(&property.name)
                && let Some(old) = row.inputs.get(&property.name)
            {
                wanted.insert(property.name.clone(), old.clone());
            }
        }
        let mut outputs = row.outputs.clone();
        if touches_more_than_tags(&row.inputs, &wanted) {
            moved(schema, &mut outputs, now);
        }
        outputs.extend(foreseen(schema, place, id, &wanted));
        for property in &schema.outputs.properties {
            if let Some(value) = wanted.get(&property.name) {
                outputs.insert(property.name.clone(), value.clone());
            }
        }
        if outputs.contains_key("tagsAll") {
            outputs.insert(
                "tagsAll".to_owned(),
                wanted.get("tags").cloned().unwrap_or_else(|| Value::Map(Map::default())),
            );
        }
        let interfaces = Interfaces::of(&self.world, serial, now);
        let takes = if touches_more_than_tags(&row.inputs, &wanted) { schema.facts.takes.update } else { 0 };
        let phase = lasting("modifying", takes, now);
        let elsewhere = quirks::of(schema.token).spread(&self.world, serial, &wanted);
        let references = &self.references;
        self.world.change(
            serial,
            |row| references.names(row),
            |row| {
                row.inputs = wanted;
                row.outputs = outputs;
                row.refers = refers;
                row.phase = phase.clone();
            },
        );
        for (other, input, value) in elsewhere {
            self.world.change(
                other,
                |row| references.names(row),
                |row| {
                    row.inputs.insert(input.to_owned(), value);
                    row.phase = phase.clone();
                },
            );
        }
        self.world.leave(interfaces);
        Ok(match self.seen(schema, serial) {
            Seen::Ready(live) => Next::Saw(Box::new(live)),
            _ => Next::Started,
        })
    }

    pub(super) fn delete(&mut self, at: &At, id: &Id, applied: &Value, now: Timestamp) -> Result<Next> {
        let catalog = Arc::clone(&self.catalog);
        let schema = schema(&catalog, &at.kind)?;
        let no = Refusal { schema, operation: Operation::Delete };
        let Some(serial) = self.world.find(schema.token, &at.kind.place, id) else { return Ok(Next::Gone) };
        let row = self.world.row(serial).ok_or_else(|| no.gone(&id.0))?;
        if matches!(row.phase, Phase::Deleting { .. }) {
            return Ok(Next::Started);
        }
        still(no, row)?;
        let told = |test: fn(&Property) -> bool| {
            let mut named = schema.inputs.properties.iter().filter(|p| test(p));
            named.find(|p| {
                applied.get(&p.name).or_else(|| row.inputs.get(&p.name)).and_then(Value::as_bool) == Some(true)
            })
        };
        let protected = schema.inputs.properties.iter().filter(|p| p.protection);
        for property in protected {
            if row.inputs.get(&property.name).and_then(Value::as_bool) == Some(true) {
                return Err(no
                    .invalid(format!("`{id}` is protected: its `{}` is true", property.name))
                    .hint(format!("set `{}` to false first", property.name)));
            }
        }
        let forced = told(|p| p.forced).is_some();
        if row.contents > 0 && !forced {
            return Err(no.never(
                if schema.service() == "s3" { "BucketNotEmpty" } else { "InvalidRequestException" },
                format!("`{id}` is not empty"),
            ));
        }
        let keep = match quirks::of(schema.token).end(&Ending { world: &self.world, no, serial, row, applied, now })? {
            End::Now => None,
            End::Kept(word, long) => Some((word, long)),
            End::Later(long) => return Ok(Next::Later(long)),
            End::Step(step) => return Ok(self.take(no, serial, step, now)),
        };
        let parts = self.free(no, serial)?;
        for part in parts {
            self.remove(part);
        }
        if let Some((word, long)) = keep {
            self.world.enter(serial, Phase::Kept { word, until: later(now, long) });
            return Ok(Next::Gone);
        }
        let interfaces = Interfaces::of(&self.world, serial, now);
        let next = match schema.facts.takes.delete {
            0 => {
                self.remove(serial);
                Next::Gone
            }
            seconds => {
                let until = later(now, Duration::from_secs(seconds.into()));
                self.world.enter(serial, Phase::Deleting { until });
                Next::Started
            }
        };
        self.world.leave(interfaces);
        Ok(next)
    }

    /// Does what has to happen before a deletion, and says how the caller hears of it.
    fn take(&mut self, no: Refusal<'_>, serial: Serial, step: Step, now: Timestamp) -> Next {
        let (input, word, seconds) = match step {
            Step::Empties { input, word, seconds } => (input, word, seconds),
            Step::Waits(on) => return Next::Waits(on),
            Step::Held(by) => return Next::Held(by),
        };
        let catalog = Arc::clone(&self.catalog);
        let Some(row) = self.world.row(serial) else { return Next::Gone };
        let mut inputs = row.inputs.clone();
        inputs.shift_remove(input);
        let kept = row.refers.clone();
        let refers = self.resolve(&catalog, no, &row.place, Some(serial), &inputs).unwrap_or(kept);
        let references = &self.references;
        self.world.change(
            serial,
            |row| references.names(row),
            |row| {
                row.inputs = inputs;
                row.refers = refers;
                row.phase = lasting(word, seconds, now);
                row.member = None;
            },
        );
        Next::More(word.to_owned())
    }

    /// Whether nothing is in the way of a deletion. Returns the parts that end with the whole.
    fn free(&self, no: Refusal<'_>, serial: Serial) -> Result<Vec<Serial>> {
        let tolerated = quirks::may_be_orphaned(no.schema.token);
        let mut parts = Vec::new();
        for (from, row) in self.world.referrers(serial).filter(|(from, row)| *from != serial && row.is_there()) {
            if !tolerated {
                let id = self.world.row(serial).map_or("", |row| &row.id.0);
                return Err(no.in_use(id, &format!("{} `{}`", short(row.token), row.id)));
            }
            if self.is_part(row, serial) {
                parts.push(from);
            }
        }
        Ok(parts)
    }

    /// Whether the id of a row is made of a reference to another one, as a bucket's policy has the
    /// bucket's name for an id.
    fn is_part(&self, row: &Row, of: Serial) -> bool {
        let Some(schema) = self.catalog.find(row.token) else { return false };
        let inputs: &[&str] = match &schema.facts.id {
            IdForm::Input(name) => &[name],
            IdForm::Joined(names, _) => names,
            IdForm::Random(..) | IdForm::Output(_) => &[],
        };
        inputs
            .iter()
            .filter_map(|name| row.inputs.get(*name).and_then(Value::as_str))
            .any(|text| self.world.named(text).any(|(serial, _)| serial == of))
    }

    pub(super) fn find(&self, at: &At, inputs: &Value, now: Timestamp) -> Result<Vec<Id>> {
        let schema = schema(&self.catalog, &at.kind)?;
        if schema.facts.found_by != FoundBy::Name {
            let found = self.attempted(schema, at).filter_map(|serial| self.world.row(serial));
            return Ok(found.filter(|row| self.is_visible(row, now)).map(|row| row.id.clone()).collect());
        }
        let no = Refusal { schema, operation: Operation::Find };
        let inputs = accept::inputs(no, inputs)?;
        match self.found_by_name(schema, at, &inputs, now) {
            Some(found) => Ok(found),
            None => Ok(self.found_by_inputs(schema, at, &inputs, now)),
        }
    }

    /// What is there under the names that the inputs give, whoever made it.
    pub(super) fn namesake(&self, at: &At, inputs: &Value, now: Timestamp) -> Result<Option<Id>> {
        let schema = schema(&self.catalog, &at.kind)?;
        let inputs = accept::inputs(Refusal { schema, operation: Operation::Find }, inputs)?;
        let Some(id) = schema.foreseen_id(&Value::Map(inputs.clone()), &naming::at(&at.kind.place, None)) else {
            return Ok(self.found_by_name(schema, at, &inputs, now).into_iter().flatten().next());
        };
        let there = self.world.find(schema.token, &at.kind.place, &id).and_then(|serial| self.world.row(serial));
        Ok(there.filter(|row| self.is_visible(row, now)).map(|_| id))
    }

    /// None if the inputs give it no name.
    fn found_by_name(&self, schema: &TypeSchema, at: &At, inputs: &Map, now: Timestamp) -> Option<Vec<Id>> {
        let id = naming::id(schema, self.world.next(), &at.kind.place, inputs);
        if let Some(serial) = self.world.find(schema.token, &at.kind.place, &id) {
            let visible = self.world.row(serial).is_some_and(|row| self.is_visible(row, now));
            return Some(if visible { vec![id] } else { Vec::new() });
        }
        let named = schema.inputs.properties.iter().find(|p| p.auto_name.is_some() || p.name == "name");
        let (property, name) = named.and_then(|p| Some((p, inputs.get(&p.name)?)))?;
        let Some(text) = name.as_str() else { return Some(Vec::new()) };
        let mine = |row: &Row| {
            row.token == schema.token
                && row.place == at.kind.place
                && row.is_there()
                && self.is_visible(row, now)
                && row.inputs.get(&property.name) == Some(name)
        };
        Some(self.world.named(text).filter(|(_, row)| mine(row)).map(|(_, row)| row.id.clone()).collect())
    }

    /// What has no name is found by the inputs that it keeps for life, such as the subnet of a route table's
    /// association.
    fn found_by_inputs(&self, schema: &TypeSchema, at: &At, inputs: &Map, now: Timestamp) -> Vec<Id> {
        let mut kept = schema.inputs.properties.iter().filter(|p| p.replace).peekable();
        if kept.peek().is_none() {
            return Vec::new();
        }
        let kept: Vec<&str> = kept.map(|p| p.name.as_str()).collect();
        let fits = |row: &Row| {
            row.token == schema.token
                && row.place == at.kind.place
                && row.owner == at.owner
                && row.is_there()
                && self.is_visible(row, now)
                && kept.iter().all(|name| row.inputs.get(*name) == inputs.get(*name))
        };
        self.world.rows().filter(|(_, row)| fits(row)).map(|(_, row)| row.id.clone()).collect()
    }

    fn attempted<'a>(&'a self, schema: &'a TypeSchema, at: &'a At) -> impl Iterator<Item = Serial> + 'a {
        self.world
            .attempted(&at.attempt)
            .filter(|(_, row)| {
                row.token == schema.token && row.place == at.kind.place && row.owner == at.owner && row.is_there()
            })
            .map(|(serial, _)| serial)
    }

    fn resolve(
        &self,
        catalog: &Catalog,
        no: Refusal<'_>,
        place: &Place,
        own: Option<Serial>,
        inputs: &Map,
    ) -> Result<BTreeSet<Serial>> {
        self.references.resolve(&From { catalog, world: &self.world, no, place, own }, inputs)
    }

    /// The row of an id, for what is done to the twin from outside.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn serial(&self, kind: &KindAt, id: &Id) -> Result<Serial> {
        let schema = schema(&self.catalog, kind)?;
        let no = Refusal { schema, operation: Operation::Read };
        self.world.find(schema.token, &kind.place, id).ok_or_else(|| no.gone(&id.0))
    }
}

pub(super) fn schema<'a>(catalog: &'a Catalog, kind: &KindAt) -> Result<&'a TypeSchema> {
    let unknown = || Error::new(Kind::Unsupported, format!("the twin knows no type `{}`", kind.ty));
    catalog.find(&kind.ty).ok_or_else(unknown)
}

/// The last part of a token.
pub(super) fn short(token: &str) -> &str {
    token.rsplit(':').next().unwrap_or(token)
}

pub(super) fn later(now: Timestamp, long: Duration) -> Timestamp {
    let long = SignedDuration::try_from(long).unwrap_or(SignedDuration::MAX);
    now.checked_add(long).unwrap_or(Timestamp::MAX)
}

pub(super) fn lasting(word: &'static str, seconds: u32, now: Timestamp) -> Phase {
    match seconds {
        0 => Phase::Ready,
        _ => Phase::Changing { word, until: later(now, Duration::from_secs(seconds.into())) },
    }
}

/// Refuses a call to a resource that is changing.
fn still(no: Refusal<'_>, row: &Row) -> Result<()> {
    match &row.phase {
        Phase::Changing { word, .. } => Err(no.busy("InvalidState", format!("`{}` is {word}", row.id))),
        Phase::Deleting { .. } => Err(no.busy("InvalidState", format!("`{}` is being deleted", row.id))),
        _ => Ok(()),
    }
}

/// Refuses a change of inputs that only a new resource can have.
fn replaced(no: Refusal<'_>, live: &Map, wanted: &Map) -> Result<()> {
    let conditional = || (no.schema.replaces)(&Value::Map(live.clone()), &Value::Map(wanted.clone()));
    let fixed = fixed("", &no.schema.inputs.properties, live, wanted)
        .or_else(|| conditional().first().map(|name| (*name).to_owned()));
    match fixed {
        Some(path) => Err(no.invalid(format!("`{path}` cannot be changed")).hint("replace the resource instead")),
        None => Ok(()),
    }
}

/// The first input that differs although it cannot be changed.
fn fixed(path: &str, properties: &[Property], live: &Map, wanted: &Map) -> Option<String> {
    properties.iter().find_map(|property| {
        let path = if path.is_empty() { property.name.clone() } else { format!("{path}.{}", property.name) };
        let (old, new) = (live.get(&property.name), wanted.get(&property.name));
        if property.replace {
            let same = property.initial
                || match (old, new) {
                    (None, None) => true,
                    (Some(_), None) => property.computed || property.write_only,
                    (None, Some(_)) => property.write_only,
                    (Some(old), Some(new)) => same(property, old, new),
                };
            return (!same).then_some(path);
        }
        match (&property.shape, old.map(Value::bare), new.map(Value::bare)) {
            (Shape::Object(object), Some(Value::Map(old)), Some(Value::Map(new))) => {
                fixed(&path, &object.properties, old, new)
            }
            _ => None,
        }
    })
}

fn same(property: &Property, old: &Value, new: &Value) -> bool {
    match (old.bare(), new.bare(), property.alike) {
        (Value::String(old), Value::String(new), Some(how)) => how.same(old, new),
        (old, new, _) => old == new || is_print_of(old, new),
    }
}

/// Whether a change is one that takes time; tags are set at once.
fn touches_more_than_tags(live: &Map, wanted: &Map) -> bool {
    let differs = |name: &String| name != "tags" && live.get(name) != wanted.get(name);
    live.keys().chain(wanted.keys()).any(differs)
}

fn visible(properties: &[Property], map: &Map) -> Map {
    let mut out = Map::default();
    for property in properties.iter().filter(|p| !p.write_only) {
        if let Some(value) = map.get(&property.name) {
            out.insert(property.name.clone(), shown(property, value));
        }
    }
    out
}

fn shown(property: &Property, value: &Value) -> Value {
    match (&property.shape, value) {
        (_, Value::Secret(inner)) => shown(property, inner).secret(),
        (Shape::Object(object), Value::Map(map)) => Value::Map(visible(&object.properties, map)),
        (Shape::List { item, .. }, Value::List(items)) => Value::List(items.iter().map(|v| shown(item, v)).collect()),
        (Shape::Map(item), Value::Map(map)) => {
            Value::Map(map.iter().map(|(k, v)| (k.clone(), shown(item, v))).collect())
        }
        (_, other) => other.clone(),
    }
}
