//! What the engine must know about an input, written on the field itself:
//! `#[schemars(transform = replace)]`. [`crate::engine::schema`] reads them back.

use schemars::Schema;

use crate::engine::alike::Alike;

/// Changing the input replaces the resource.
pub fn replace(s: &mut Schema) {
    s.insert("x-replace".into(), true.into());
}

/// The cloud chooses a value when the user gives none, so absence is no change.
pub fn computed(s: &mut Schema) {
    s.insert("x-computed".into(), true.into());
}

/// The order of the items means nothing.
pub fn unordered(s: &mut Schema) {
    s.insert("x-unordered".into(), true.into());
}

/// Items that agree in their words and numbers are one: its lists are theirs joined, its switches
/// are on if one of theirs is. Stands on an unordered list of objects.
pub fn united(s: &mut Schema) {
    s.insert("x-united".into(), true.into());
}

/// The cloud never shows the value: it is secret, or it only steers our own calls.
/// It is compared with the value applied last, also as a part of an object or of an item.
pub fn write_only(s: &mut Schema) {
    s.insert("writeOnly".into(), true.into());
}

/// The cloud shows the value only in some states of the resource, such as the role that a database
/// has at the moment. Where it shows none, the value applied last stands.
pub fn sometimes_shown(s: &mut Schema) {
    s.insert("x-sometimes-shown".into(), true.into());
}

/// An update may give the output another value, which only the cloud knows: a version, a time. What reads it is
/// then unknown in a plan. Tags alone move nothing.
pub fn moves(s: &mut Schema) {
    s.insert("x-moves".into(), true.into());
}

/// The value counts when the resource is made; a later change is not applied.
pub fn initial(s: &mut Schema) {
    s.insert("x-initial".into(), true.into());
}

/// The engine makes up a name of at most that many characters when the user gives none.
pub fn auto_name(max: usize) -> impl Fn(&mut Schema) {
    move |s| {
        s.insert("x-auto-name".into(), max.into());
    }
}

/// The same for names that begin with a fixed text, which counts towards `max`: `alias/…`.
pub fn auto_name_after(prefix: &'static str, max: usize) -> impl Fn(&mut Schema) {
    move |s| {
        s.insert("x-auto-name".into(), max.into());
        s.insert("x-auto-prefix".into(), prefix.into());
    }
}

/// The input usually holds that property of a resource of that type: `"aws:ec2/vpc:Vpc.id"`.
/// Editors complete it, the twin checks it, the assessor follows it.
pub fn refers(to: &'static str) -> impl Fn(&mut Schema) {
    move |s| {
        s.insert("x-refers".into(), to.into());
    }
}

/// What an input that [`refers`] takes beside that: properties of other types such as
/// `"aws:s3/bucket:Bucket.arn"`, or what texts begin with that name what is no type here, such as `"vgw-"`.
pub fn also(others: &'static [&'static str]) -> impl Fn(&mut Schema) {
    move |s| {
        s.insert("x-also".into(), others.into());
    }
}

/// Two texts that differ may still mean the same.
pub fn alike(how: Alike) -> impl Fn(&mut Schema) {
    move |s| {
        s.insert("x-alike".into(), how.name().into());
    }
}

/// Known values. Others pass with a warning: AWS adds values faster than drctl learns them.
pub fn one_of(values: &'static [&'static str]) -> impl Fn(&mut Schema) {
    move |s| {
        s.insert("enum".into(), values.into());
    }
}

/// While true, the cloud refuses deletion. `destroy` refuses too, and lifts it first when forced.
pub fn protection(s: &mut Schema) {
    s.insert("x-protection".into(), true.into());
}

/// Before any deletion of a run the input is set to that value, as a step of its own called `act`.
pub fn before_delete(act: &'static str, value: serde_json::Value) -> impl Fn(&mut Schema) {
    move |s| {
        s.insert("x-before-delete".into(), serde_json::json!({ "act": act, "value": value }));
    }
}

/// `--force-override-protection` sets the input to true for the deletion.
pub fn forced(s: &mut Schema) {
    s.insert("x-forced".into(), true.into());
}

/// At most one of the inputs may be given. Stands on the struct.
pub fn exclusive(names: &'static [&'static str]) -> impl Fn(&mut Schema) {
    group("x-exclusive", names)
}

/// Exactly one of the inputs must be given. Stands on the struct.
pub fn exactly_one(names: &'static [&'static str]) -> impl Fn(&mut Schema) {
    group("x-exactly-one", names)
}

/// At least one of the inputs must be given. Stands on the struct.
pub fn at_least_one(names: &'static [&'static str]) -> impl Fn(&mut Schema) {
    group("x-at-least-one", names)
}

/// The first input needs the others. Stands on the struct.
pub fn needs(names: &'static [&'static str]) -> impl Fn(&mut Schema) {
    group("x-needs", names)
}

fn group(key: &'static str, names: &'static [&'static str]) -> impl Fn(&mut Schema) {
    move |s| {
        let groups = s.ensure_object().entry(key).or_insert_with(|| serde_json::json!([]));
        if let Some(groups) = groups.as_array_mut() {
            groups.push(names.into());
        }
    }
}

/// The value looks like that pattern; `what` says it in words, for the error.
pub fn form(pattern: &'static str, what: &'static str) -> impl Fn(&mut Schema) {
    move |s| {
        s.insert("pattern".into(), pattern.into());
        s.insert("x-form".into(), what.into());
    }
}
