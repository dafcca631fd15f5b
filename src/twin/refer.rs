//! References between rows: what an input names, and whether it is there.

use std::collections::{BTreeSet, HashMap};

use crate::engine::error::Result;
use crate::engine::provider::Catalog;
use crate::engine::reference::Taken;
use crate::engine::resource::IdForm;
use crate::engine::schema::{Object, Property, Shape, TypeSchema};
use crate::engine::urn::Place;
use crate::engine::value::{Map, Value};
use crate::twin::ACCOUNT;
use crate::twin::functions::is_managed_key;
use crate::twin::refusal::Refusal;
use crate::twin::row::{Phase, Row, Serial};
use crate::twin::world::World;

/// Types whose resources are seen from every region although they are made in one.
const SEEN_EVERYWHERE: [&str; 4] = [
    "aws:rds/globalCluster:GlobalCluster",
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketV2:BucketV2",
];

/// By which properties rows of each type are referred to, and what identifiers look like.
#[derive(Debug, Default)]
pub(super) struct References {
    answers: HashMap<&'static str, BTreeSet<String>>,
    prefixes: BTreeSet<&'static str>,
}

/// Where a reference is made from.
pub(super) struct From<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) world: &'a World,
    pub(super) no: Refusal<'a>,
    pub(super) place: &'a Place,
    /// The row itself, if it exists: naming oneself is no reference.
    pub(super) own: Option<Serial>,
}

/// What AWS makes with a VPC. It is no row of its own: whoever refers to it refers to the VPC.
const COMES_ALONG: [&str; 5] =
    ["defaultNetworkAclId", "defaultRouteTableId", "defaultSecurityGroupId", "dhcpOptionsId", "mainRouteTableId"];

impl References {
    pub(super) fn new(catalog: &Catalog) -> Self {
        let mut all = Self::default();
        for schema in catalog.types() {
            if let IdForm::Random(prefix, _) = schema.facts.id
                && prefix.ends_with('-')
            {
                all.prefixes.insert(prefix);
            }
            all.learn(catalog, &schema.inputs);
        }
        all
    }

    fn learn(&mut self, catalog: &Catalog, object: &Object) {
        for property in &object.properties {
            self.learn_from(catalog, property);
        }
    }

    fn learn_from(&mut self, catalog: &Catalog, property: &Property) {
        if let Some((token, name)) = &property.refers
            && let Some(target) = catalog.find(token)
        {
            self.answers.entry(target.token).or_default().insert(name.clone());
        }
        match &property.shape {
            Shape::List { item, .. } | Shape::Map(item) => self.learn_from(catalog, item),
            Shape::Object(object) => self.learn(catalog, object),
            _ => {}
        }
    }

    /// All texts by which others may refer to the row.
    pub(super) fn names(&self, row: &Row) -> Vec<String> {
        let properties = self.answers.get(row.token).into_iter().flatten().map(String::as_str);
        let mut names = vec![row.id.0.clone()];
        for name in properties.chain(["arn", "name"]).chain(COMES_ALONG) {
            if let Some(text) = row.outputs.get(name).or_else(|| row.inputs.get(name)).and_then(Value::as_str)
                && !names.iter().any(|n| n == text)
            {
                names.push(text.to_owned());
            }
        }
        names
    }

    /// The rows that inputs name.
    ///
    /// # Errors
    /// If one of them is not there.
    pub(super) fn resolve(&self, from: &From<'_>, inputs: &Map) -> Result<BTreeSet<Serial>> {
        let mut found = BTreeSet::new();
        self.object(from, "", &from.no.schema.inputs, inputs, &mut found)?;
        Ok(found)
    }

    fn object(
        &self,
        from: &From<'_>,
        path: &str,
        object: &Object,
        map: &Map,
        out: &mut BTreeSet<Serial>,
    ) -> Result<()> {
        for property in &object.properties {
            if let Some(value) = map.get(&property.name) {
                let path = if path.is_empty() { property.name.clone() } else { format!("{path}.{}", property.name) };
                self.value(from, &path, property, property, value, out)?;
            }
        }
        Ok(())
    }

    /// `named` is the property that tells what is named, for the items of a list or a map.
    fn value(
        &self,
        from: &From<'_>,
        path: &str,
        property: &Property,
        named: &Property,
        value: &Value,
        out: &mut BTreeSet<Serial>,
    ) -> Result<()> {
        fn of_item<'p>(item: &'p Property, named: &'p Property) -> &'p Property {
            if item.refers.is_some() { item } else { named }
        }
        match (&property.shape, value.bare()) {
            (Shape::Object(inner), Value::Map(map)) => self.object(from, path, inner, map, out)?,
            (Shape::List { item, .. }, Value::List(items)) => {
                for (i, value) in items.iter().enumerate() {
                    self.value(from, &format!("{path}[{i}]"), item, of_item(item, named), value, out)?;
                }
            }
            (Shape::Map(item), Value::Map(map)) => {
                for (key, value) in map {
                    self.value(from, &format!("{path}.{key}"), item, of_item(item, named), value, out)?;
                }
            }
            (_, Value::String(text)) => {
                if let Some((token, _)) = &named.refers
                    && let Some(target) = from.catalog.find(token)
                {
                    let taken = Taken::of(from.catalog, named);
                    let found = self.text(from, path, (target, taken.as_ref()), text)?;
                    out.extend(found.filter(|serial| Some(*serial) != from.own));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn text(
        &self,
        from: &From<'_>,
        path: &str,
        (target, taken): (&TypeSchema, Option<&Taken<'_>>),
        text: &str,
    ) -> Result<Option<Serial>> {
        let arn = text.starts_with("arn:");
        let is_id = arn || text.starts_with("alias/") || self.prefixes.iter().any(|p| text.starts_with(p));
        let reached = |row: &Row| {
            row.place == *from.place
                || arn
                || row.place.is_global()
                || from.place.is_global()
                || path.starts_with("peer")
                || SEEN_EVERYWHERE.contains(&row.token)
        };
        let there = |row: &Row| row.is_there() && !matches!(row.phase, Phase::Deleting { .. });
        let whole = text.strip_suffix(":*").or_else(|| text.strip_suffix("/*"));
        let mut any = None;
        for name in [Some(text), whole, unqualified(target, text)].into_iter().flatten() {
            for (serial, row) in from.world.named(name) {
                if !there(row) || !reached(row) {
                    continue;
                }
                if row.token == target.token {
                    return Ok(Some(serial));
                }
                // An ARN is that of one type, whatever else knows the resource by it.
                let may_be = || from.catalog.find(row.token).zip(taken).is_none_or(|(ty, taken)| taken.is_of(ty));
                any = any.or((is_id && (!arn || may_be())).then_some(serial));
            }
        }
        let kept_by_aws = target.token == "aws:kms/key:Key" && is_managed_key(text);
        if kept_by_aws || managed(text) {
            return Ok(any);
        }
        if let Some(taken) = taken.filter(|taken| !taken.fits(text)) {
            return Err(match taken.is_told_by_its_beginning() {
                true => from.no.no_such(target, path, text),
                false => from.no.invalid(format!("`{path}` takes {}, not `{text}`", taken.in_words())),
            });
        }
        if any.is_some() {
            return Ok(any);
        }
        let ours = match target.facts.id {
            IdForm::Random("", digits) => is_id || text.len() == digits && text.contains('-'),
            IdForm::Random(..) => is_id,
            IdForm::Input(_) | IdForm::Joined(..) => true,
            // Where ARNs and URLs are ids, other text may be a mail address or a name of something else.
            IdForm::Output(_) => arn || text.starts_with("https://"),
        };
        if !ours || arn && text.split(':').nth(2) != Some(target.arn_service()) {
            return Ok(None);
        }
        Err(from.no.no_such(target, path, text))
    }
}

/// The function that a version or an alias of it belongs to.
fn unqualified<'a>(target: &TypeSchema, text: &'a str) -> Option<&'a str> {
    if target.token != "aws:lambda/function:Function" {
        return None;
    }
    let parts = if text.starts_with("arn:") { 7 } else { 1 };
    let (end, _) = text.match_indices(':').nth(parts - 1)?;
    text.get(..end)
}

/// Things that exist in every account, or that belong to somebody else.
fn managed(text: &str) -> bool {
    const EXACTLY: [&str; 4] = ["*", "self", "local", "default"];
    const STARTS: [&str; 5] = ["alias/aws/", "default.", "default:", "AWSServiceRoleFor", "AWS-"];
    let account = text.split(':').nth(4).filter(|_| text.starts_with("arn:"));
    EXACTLY.contains(&text)
        || STARTS.iter().any(|s| text.starts_with(s))
        || text.contains(":alias/aws/")
        || text.contains(":role/aws-service-role/")
        || text.ends_with("amazonaws.com")
        || account.is_some_and(|a| !a.is_empty() && a != ACCOUNT)
}
