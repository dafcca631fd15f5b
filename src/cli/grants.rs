//! What a stack must be allowed to do, and on what, from the types' own lists.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::aws;
use crate::engine::foresight;
use crate::engine::handle::Handle;
use crate::engine::names;
use crate::engine::program::Declaration;
use crate::engine::resource::Where;
use crate::engine::schema::{Object, Property, Shape, TypeSchema};
use crate::engine::urn::{Place, Urn};
use crate::engine::value::{Map, Value};
use crate::stack::{Asked, Link, SURVEY_ACCOUNT, Surveyed};

/// Actions that are allowed on some resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// The service, and the type if it is about resources of one: `s3Bucket`.
    pub(super) name: String,
    pub(super) actions: BTreeSet<&'static str>,
    /// ARNs, perhaps with `*`.
    pub(super) resources: BTreeSet<String>,
    pub(super) conditions: Conditions,
}

/// What must hold of a request: an operator and a key, with the values of which one must fit.
pub(super) type Conditions = BTreeMap<(&'static str, &'static str), BTreeSet<String>>;

/// How closely grants say what they are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// The resources of the stack by their names.
    Names,
    /// All resources of such a kind in a region.
    Kinds,
}

const ANY: &str = "*";

/// Needed by every run, whatever the stack holds.
const ALWAYS: [&str; 1] = ["sts:GetCallerIdentity"];

const PASS_ROLE: &str = "iam:PassRole";

/// What actions of another service are about, where that has a name of its own: roles that services make
/// for themselves, and the secrets in which RDS keeps passwords.
const OF_SERVICES: [(&str, &str); 4] = [
    ("iam:CreateServiceLinkedRole", "iam::*:role/aws-service-role/*"),
    ("secretsmanager:CreateSecret", "secretsmanager:*:*:secret:rds!*"),
    ("secretsmanager:RotateSecret", "secretsmanager:*:*:secret:rds!*"),
    ("secretsmanager:TagResource", "secretsmanager:*:*:secret:rds!*"),
];

/// Services that answer in one region for all: there is no telling regions apart (IAM User Guide, "AWS: Denies
/// access to AWS based on the requested Region").
const GLOBAL: [&str; 4] = ["iam", "route53", "route53-recovery-control-config", "sts"];

const REQUESTED_REGION: (&str, &str) = ("StringEquals", "aws:RequestedRegion");
const PASSED_TO: (&str, &str) = ("StringEquals", "iam:PassedToService");

/// Keys that AWS makes for a service: their policies allow that service what it does in the name of anyone in
/// the account (AWS KMS Developer Guide, "AWS managed keys").
const KEYS_OF_AWS: &str = "alias/aws/";

/// Parameters that AWS publishes; none of them is encrypted.
const PUBLIC_PARAMETERS: &str = "/aws/service/";

const KEY: &str = "aws:kms/key:Key";
const ROLE: &str = "aws:iam/role:Role";
const INSTANCE_PROFILE: &str = "aws:iam/instanceProfile:InstanceProfile";

/// Actions that take no resource, that list whatever is there, or that need a second resource which the
/// stack does not name (Service Authorization Reference, "Actions defined by …" of each service).
const ANYWHERE: [&str; 35] = [
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeInstanceRefreshes",
    "autoscaling:DescribePolicies",
    "autoscaling:DescribeScalingActivities",
    "backup:DeleteRecoveryPoint",
    "backup:ListBackupPlans",
    "backup:ListBackupVaults",
    "cloudwatch:DescribeAlarms",
    "dynamodb:ImportTable",
    "dynamodb:RestoreTableFromBackup",
    "dynamodb:RestoreTableToPointInTime",
    "events:ListRules",
    "kms:CreateKey",
    "kms:ListAliases",
    "kms:ListKeys",
    "lambda:PutFunctionCodeSigningConfig",
    "logs:DescribeDestinations",
    "logs:DescribeLogGroups",
    "logs:PutSubscriptionFilter",
    "rds:RestoreDBClusterFromS3",
    "rds:RestoreDBClusterFromSnapshot",
    "rds:RestoreDBClusterToPointInTime",
    "route53:ChangeTagsForResource",
    "route53:CreateHealthCheck",
    "route53:CreateHostedZone",
    "route53:GetChange",
    "route53:ListHealthChecks",
    "route53:ListHostedZones",
    "route53:ListHostedZonesByVPC",
    "route53:ListTagsForResource",
    "route53:ListTagsForResources",
    "sns:GetSubscriptionAttributes",
    "sns:SetSubscriptionAttributes",
    "sns:Unsubscribe",
    "ssm:DescribeParameters",
];

/// What the resources and the data sources of a program need, by service and type.
pub(super) fn grants(resources: &[Surveyed], asked: &[Asked], read_only: bool, detail: Detail) -> Vec<Grant> {
    let scene = Scene::of(resources, detail);
    let mut grants = Grants::default();
    for action in ALWAYS {
        grants.anywhere(action, None);
    }
    for asked in asked {
        scene.allow_asking(asked, &mut grants);
    }
    for (i, resource) in resources.iter().enumerate() {
        let looks_only = read_only || resource.declaration.external.is_some();
        scene.allow(i, looks_only, &mut grants);
    }
    let mut grants = grants.all(&scene);
    grants.iter_mut().for_each(|grant| grant.resources = broadest(&grant.resources));
    grants
}

/// Resources without those that others among them cover.
fn broadest(resources: &BTreeSet<String>) -> BTreeSet<String> {
    let covers = |broad: &String, other: &String| {
        broad != other && broad.strip_suffix('*').is_some_and(|head| other.starts_with(head))
    };
    let covered = |other: &&String| resources.iter().any(|broad| covers(broad, other));
    resources.iter().filter(|other| !covered(other)).cloned().collect()
}

/// EC2 and RDS describe everything by lists.
fn is_for_all(action: &str) -> bool {
    ["ec2:Describe", "rds:Describe"].iter().any(|lists| action.starts_with(lists)) || ANYWHERE.contains(&action)
}

/// `ec2` of `ec2:CreateVpc`.
fn service(action: &'static str) -> &'static str {
    action.split(':').next().unwrap_or_default()
}

fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

#[derive(Default)]
struct Grants {
    by_name: BTreeMap<String, Grant>,
    /// Roles, with the services that get them.
    passed: BTreeMap<String, BTreeSet<&'static str>>,
}

impl Grants {
    fn add(&mut self, name: String, action: &'static str, resources: impl IntoIterator<Item = String>) -> &mut Grant {
        let fresh = || Grant {
            name: name.clone(),
            actions: BTreeSet::new(),
            resources: BTreeSet::new(),
            conditions: Conditions::new(),
        };
        let grant = self.by_name.entry(name.clone()).or_insert_with(fresh);
        grant.actions.insert(action);
        grant.resources.extend(resources);
        grant
    }

    /// Whatever the action is about, in the region of the place.
    fn anywhere(&mut self, action: &'static str, place: Option<&Place>) {
        let (name, all) = (letters(service(action)), [ANY.to_owned()]);
        match place.filter(|place| !place.is_global()) {
            _ if GLOBAL.contains(&service(action)) => drop(self.add(name, action, all)),
            Some(Place(region)) => {
                let grant = self.add(name, action, all);
                grant.conditions.entry(REQUESTED_REGION).or_default().insert(region.clone());
            }
            None => drop(self.add(format!("{name}AnyRegion"), action, all)),
        }
    }

    /// All of them; roles that go to the same services stand together.
    fn all(mut self, scene: &Scene) -> Vec<Grant> {
        let mut alike: BTreeMap<BTreeSet<&'static str>, BTreeSet<String>> = BTreeMap::new();
        for (role, services) in std::mem::take(&mut self.passed) {
            alike.entry(services).or_default().insert(role);
        }
        for (services, roles) in alike {
            let words = services.iter().flat_map(|service| service.split(['.', '-']));
            let name = words.fold("iamPassRoleTo".to_owned(), |name, word| name + &capitalized(word));
            let grant = self.add(name, PASS_ROLE, roles);
            grant.conditions.insert(PASSED_TO, services.iter().flat_map(|service| scene.principals(service)).collect());
        }
        self.by_name.into_values().collect()
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The resources of a program with what is known of them before they exist.
struct Scene<'a> {
    resources: &'a [Surveyed<'a>],
    by_urn: HashMap<&'a Urn, usize>,
    inputs: Vec<Value>,
    handles: Vec<Handle>,
    partition: &'static str,
    detail: Detail,
}

impl<'a> Scene<'a> {
    fn of(resources: &'a [Surveyed<'a>], detail: Detail) -> Self {
        let region = resources.iter().map(|r| &r.declaration.place).find(|place| !place.is_global());
        let partition = aws::partition_of(region.map_or("", |place| &place.0));
        let inputs: Vec<Value> = resources.iter().map(|r| named(r.schema, r.declaration, &r.values, detail)).collect();
        let handles = resources.iter().zip(&inputs).map(|(Surveyed { schema, declaration, .. }, inputs)| {
            let at = Where {
                partition: partition.to_owned(),
                account: ANY.to_owned(),
                region: declaration.place.clone(),
                id: None,
            };
            foresight::of_new(schema, &declaration.urn, inputs, &at)
        });
        let by_urn = resources.iter().enumerate().map(|(i, resource)| (&resource.declaration.urn, i)).collect();
        Self { resources, by_urn, handles: handles.collect(), inputs, partition, detail }
    }

    /// Allows what a resource needs.
    fn allow(&self, i: usize, looks_only: bool, grants: &mut Grants) {
        let facts = &self.resources[i].schema.facts;
        let needed = facts.permissions;
        let changing: &[_] = if looks_only { &[] } else { &[needed.create, needed.update, needed.delete] };
        for action in std::iter::once(needed.read).chain(changing.iter().copied()).flatten().copied() {
            if action == PASS_ROLE {
                for role in self.roles(i) {
                    grants.passed.entry(role).or_default().extend(facts.passes_roles_to);
                }
            } else {
                self.allow_itself(i, action, grants);
            }
        }
        for with in facts.permissions_with {
            let named = self.named_in(i, with.input);
            let (written, itself): (&[_], &[_]) = match looks_only || named.is_empty() {
                true => (&[], &[]),
                false => (with.write, with.itself),
            };
            itself.iter().for_each(|action| self.allow_itself(i, action, grants));
            for action in with.read.iter().chain(written) {
                for named in &named {
                    self.allow_named(i, action, named, grants);
                }
            }
        }
    }

    /// Allows an action on what an input of the resource names.
    fn allow_named(&self, i: usize, action: &'static str, named: &Named, grants: &mut Grants) {
        let Surveyed { declaration, schema, .. } = &self.resources[i];
        match named {
            _ if is_for_all(action) || self.is_of_services(i, action) => self.allow_itself(i, action, grants),
            Named::Arns(arns) => {
                let name = format!("{}Of{}", letters(service(action)), schema.short_name());
                grants.add(name, action, arns.iter().cloned());
            }
            Named::Unknown => grants.anywhere(action, Some(&declaration.place)),
        }
    }

    /// Allows an action on the resource, or on what its service has for that.
    fn allow_itself(&self, i: usize, action: &'static str, grants: &mut Grants) {
        let Surveyed { declaration, schema, .. } = &self.resources[i];
        let (service, arns) = (service(action), self.arns(i));
        let own = arns.as_deref().and_then(|arns| arns.first()?.split(':').nth(2));
        let of_services = OF_SERVICES.iter().find(|(other, _)| *other == action);
        match of_services.filter(|_| self.is_of_services(i, action)) {
            Some((_, about)) => {
                grants.add(format!("{}OfServices", letters(service)), action, [self.arn(about)]);
            }
            None if own == Some(service) && !is_for_all(action) => {
                grants.add(format!("{}{}", letters(service), schema.short_name()), action, arns.into_iter().flatten());
            }
            None => grants.anywhere(action, Some(&declaration.place)),
        }
    }

    fn is_of_services(&self, i: usize, action: &'static str) -> bool {
        OF_SERVICES.iter().any(|(other, _)| *other == action) && self.resources[i].schema.service() != service(action)
    }

    /// Allows to call a data source.
    fn allow_asking(&self, asked: &Asked, grants: &mut Grants) {
        let Asked { function, how } = asked;
        let place = how.as_ref().map(|(place, _)| place);
        let about = self.asked_about(asked);
        let name = |action| format!("{}For{}", letters(service(action)), capitalized(function.short_name()));
        for action in function.permissions {
            match about.is_empty() {
                true => grants.anywhere(action, place),
                false => drop(grants.add(name(action), action, about.clone())),
            }
        }
        let is_public = about.iter().all(|arn| arn.contains(PUBLIC_PARAMETERS));
        let is_plain = how.as_ref().is_some_and(|(_, all)| all.get("withDecryption") == Some(&Value::Bool(false)));
        if let Some(key) = function.decrypts.filter(|_| !is_public && !is_plain) {
            const DECRYPT: &str = "kms:Decrypt";
            let grant = grants.add(name(DECRYPT), DECRYPT, [self.keys(place.map_or(ANY, |place| &place.0))]);
            grant.conditions.entry(("StringLike", key)).or_default().extend(about);
        }
    }

    /// ARNs of what a data source tells of.
    fn asked_about(&self, asked: &Asked) -> BTreeSet<String> {
        let region = asked.how.as_ref().map_or(ANY, |(place, _)| &place.0);
        let given = |name: &str| asked.how.as_ref().and_then(|(_, all)| all.get(name)?.as_str());
        let arns = asked.function.acts_on.iter().flat_map(|pattern| {
            let pattern = pattern.replace("{region}", region);
            let Some((before, name, after)) = placeholder(&pattern) else { return vec![self.arn(&pattern)] };
            let text = given(name).unwrap_or(ANY);
            let linked = |link| self.linked(link, pattern.split(':').next());
            match Link::all(text).next().and_then(linked) {
                Some(arns) => arns,
                None if text.starts_with("arn:") => vec![Link::hidden(text)],
                None => vec![self.arn(&format!("{before}{}{after}", Link::hidden(text).trim_start_matches('/')))],
            }
        });
        arns.collect()
    }

    /// With `arn:` and the partition.
    fn arn(&self, rest: &str) -> String {
        format!("arn:{}:{rest}", self.partition)
    }

    /// All keys of a region.
    fn keys(&self, region: &str) -> String {
        self.arn(&format!("kms:{region}:*:key/*"))
    }

    /// A service as policies name it. In China some have the domain of that part, some the common one.
    fn principals(&self, service: &str) -> impl Iterator<Item = String> {
        let domains: &[_] =
            if self.partition == "aws-cn" { &["amazonaws.com", "amazonaws.com.cn"] } else { &["amazonaws.com"] };
        domains.iter().map(move |domain| format!("{service}.{domain}"))
    }

    /// What the actions of a resource's own service are about; none if that cannot be told.
    fn arns(&self, i: usize) -> Option<Vec<String>> {
        /// No resource stands for another that stands for a third.
        const LONGEST_CHAIN: usize = 3;
        self.arns_within(i, LONGEST_CHAIN)
    }

    fn arns_within(&self, i: usize, steps: usize) -> Option<Vec<String>> {
        // Of what is only looked at the program knows an id.
        if self.resources[i].declaration.external.is_some() {
            return None;
        }
        let patterns = self.resources[i].schema.facts.acts_on;
        let arns = patterns.iter().map(|pattern| self.expand(i, pattern, steps)).collect::<Option<Vec<_>>>()?;
        Some(arns.concat()).filter(|arns| !arns.is_empty())
    }

    fn expand(&self, i: usize, pattern: &str, steps: usize) -> Option<Vec<String>> {
        let place = &self.resources[i].declaration.place.0;
        let pattern = pattern.replace("{region}", place);
        let Some((before, name, after)) = placeholder(&pattern) else {
            return Some(vec![self.arn(&pattern)]);
        };
        if let Some(other) = self.named_by(i, name).filter(|other| *other != i && steps > 0)
            && let Some(arns) = self.arns_within(other, steps - 1)
        {
            return Some(arns);
        }
        let text = self.text(i, name);
        if before.is_empty() {
            let arn = text.filter(|text| text.starts_with("arn:"))?;
            return Some(vec![format!("{arn}{after}")]);
        }
        let text = text.filter(|text| !text.starts_with("arn:") && self.detail == Detail::Names);
        Some(vec![self.arn(&format!("{before}{}{after}", text.as_deref().unwrap_or(ANY)))])
    }

    /// What an input names. Nothing if it asks for nothing.
    fn named_in(&self, i: usize, input: &str) -> Vec<Named> {
        let Surveyed { declaration, schema, links, .. } = &self.resources[i];
        let refers_to_key = |property: &Property| property.refers.as_ref().is_some_and(|(ty, _)| ty == KEY);
        let is_key = property_at(&schema.inputs, input).is_some_and(refers_to_key);
        // Copies are in other regions.
        let region = if input.contains(ANY) { ANY } else { declaration.place.0.as_str() };
        let untold = || if is_key { Named::Arns(vec![self.keys(region)]) } else { Named::Unknown };
        let named = |text: &str| match Link::all(text).next() {
            Some(link) => self.linked(link, is_key.then_some("kms")).map_or_else(untold, Named::Arns),
            None if is_key => Named::Arns(vec![self.key(text, region)]),
            None if text.starts_with("arn:") => Named::Arns(vec![text.to_owned()]),
            None => Named::Unknown,
        };
        let given = values_at(links, input).into_iter();
        let given = given.filter_map(|value| match value.bare() {
            Value::Bool(false) => None,
            Value::String(text) if text.contains(KEYS_OF_AWS) => None,
            Value::String(text) => Some(named(text)),
            _ => Some(untold()),
        });
        given.collect()
    }

    /// ARNs of the resource that is all of a text, if it is one of the service.
    fn linked(&self, link: Link, service: Option<&str>) -> Option<Vec<String>> {
        let of_service = |link: &Link| service.is_none_or(|s| self.resources[link.resource].schema.service() == s);
        Some(link).filter(|link| link.whole && of_service(link)).and_then(|link| self.arns(link.resource))
    }

    /// The ARN of a key that is given by its ARN, its id or an alias, which says nothing of it.
    fn key(&self, given: &str, region: &str) -> String {
        match given.split_once("alias/") {
            Some((arn, _)) if arn.starts_with("arn:") => format!("{arn}key/*"),
            None if given.starts_with("arn:") => given.to_owned(),
            None => self.keys(region).replace("key/*", &format!("key/{given}")),
            Some(_) => self.keys(region),
        }
    }

    /// The resource whose id, name or ARN is all that an input is given.
    fn named_by(&self, i: usize, input: &str) -> Option<usize> {
        let text = self.resources[i].links.get(input)?.as_str()?;
        Link::all(text).next().filter(|link| link.whole).map(|link| link.resource)
    }

    /// An input or a foreseen output, as ARNs hold it.
    fn text(&self, i: usize, name: &str) -> Option<String> {
        let known = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let text = known(self.inputs[i].get(name)).or_else(|| known(self.handles[i].get(name)))?;
        let text = text.replace(SURVEY_ACCOUNT, ANY);
        // A survey knows no other partition.
        Some(match text.strip_prefix("arn:aws:") {
            Some(rest) => format!("arn:{}:{rest}", self.partition),
            None => text,
        })
    }

    /// The roles that a resource gives to the service that runs it.
    fn roles(&self, i: usize) -> BTreeSet<String> {
        let Surveyed { declaration, schema, values, .. } = &self.resources[i];
        let every = || self.arn("iam::*:role/*");
        let mut roles = BTreeSet::new();
        for urn in self.with_profiles(declaration.refers.values().flatten()) {
            if let Some(role) = self.find(urn).filter(|_| urn.ty() == ROLE) {
                roles.extend(self.arns(role).unwrap_or_else(|| vec![every()]));
            }
        }
        // Those with the account of the survey are the stack's own.
        role_arns(values, &mut |arn| {
            if !arn.contains(SURVEY_ACCOUNT) {
                roles.insert(arn.to_owned());
            }
        });
        let takes_role = |p: &&Property| p.refers.as_ref().is_some_and(|(ty, _)| ty == ROLE);
        for property in schema.inputs.properties.iter().filter(takes_role) {
            match values.get(&property.name) {
                Some(Value::String(name))
                    if !name.starts_with("arn:") && self.named_by(i, &property.name).is_none() =>
                {
                    let form = |path: &str| self.arn(&format!("iam::*:role/{path}{name}"));
                    roles.extend([form(""), form("*/")]);
                }
                Some(Value::Unknown) if roles.is_empty() => {
                    roles.insert(every());
                }
                _ => {}
            }
        }
        roles
    }

    /// Resources, and what the instance profiles among them refer to.
    fn with_profiles<'u>(&'u self, urns: impl Iterator<Item = &'u Urn> + Clone) -> impl Iterator<Item = &'u Urn> {
        let profiles = urns.clone().filter(|urn| urn.ty() == INSTANCE_PROFILE).filter_map(|urn| self.find(urn));
        urns.chain(profiles.flat_map(|profile| self.resources[profile].declaration.refers.values().flatten()))
    }

    fn find(&self, urn: &Urn) -> Option<usize> {
        self.by_urn.get(urn).copied()
    }
}

/// What an input names.
enum Named {
    Arns(Vec<String>),
    /// It cannot be told.
    Unknown,
}

/// The property at a path, with `*` for the items of a list.
fn property_at<'o>(object: &'o Object, path: &str) -> Option<&'o Property> {
    let mut steps = path.split('.');
    let mut property = object.get(steps.next()?)?;
    for step in steps {
        property = match &property.shape {
            Shape::List { item, .. } if step == ANY => item,
            Shape::Object(object) => object.get(step)?,
            _ => return None,
        };
    }
    Some(property)
}

/// The first `{name}` of a pattern, with what stands around it.
fn placeholder(pattern: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = pattern.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// What is given at a path, with `*` for the items of a list. What is not known may hold it.
fn values_at<'v>(value: &'v Value, path: &str) -> Vec<&'v Value> {
    path.split('.').fold(vec![value], |values, step| {
        let next = values.into_iter().flat_map(|value| match value.bare() {
            Value::Unknown => vec![value],
            Value::List(items) if step == "*" => items.iter().collect(),
            value => value.get(step).into_iter().collect(),
        });
        next.filter(|value| !value.bare().is_null()).collect()
    })
}

/// Inputs with what automatic names look like.
fn named(schema: &TypeSchema, declaration: &Declaration, values: &Value, detail: Detail) -> Value {
    let mut inputs: Map = values.as_map().cloned().unwrap_or_default();
    for property in &schema.inputs.properties {
        let Some(max) = property.auto_name else { continue };
        let given = |name: &str| inputs.get(name).filter(|value| !value.is_null()).cloned();
        let name = match (given(&property.name), given(&format!("{}Prefix", property.name))) {
            (Some(_), _) => continue,
            (None, Some(Value::String(prefix))) => format!("{prefix}*"),
            (None, Some(_)) => ANY.to_owned(),
            (None, None) => {
                let room = max.saturating_sub(property.auto_prefix.len());
                format!("{}{}", property.auto_prefix, names::pattern(&declaration.urn, room))
            }
        };
        inputs.insert(property.name.clone(), name.into());
    }
    if detail == Detail::Kinds {
        for name in schema.naming_inputs() {
            inputs.insert(name.to_owned(), ANY.into());
        }
    }
    Value::Map(inputs)
}

fn is_role(text: &str) -> bool {
    text.starts_with("arn:") && text.split(':').nth(2) == Some("iam") && text.contains(":role/")
}

/// Every text of a value that is the ARN of a role.
fn role_arns(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) if is_role(text) => found(text),
        Value::List(items) => items.iter().for_each(|item| role_arns(item, found)),
        Value::Map(map) => map.values().for_each(|value| role_arns(value, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_actions_are_about_names_properties_of_the_type() {
        for ty in crate::aws::catalog().types() {
            for pattern in ty.facts.acts_on {
                let pattern = pattern.replace("{region}", "");
                let Some((before, name, after)) = placeholder(&pattern) else { continue };
                let known = ty.inputs.get(name).or_else(|| ty.outputs.get(name));
                assert!(known.is_some(), "{}: {pattern}", ty.token);
                assert!(placeholder(after).is_none(), "{}: {pattern}", ty.token);
                let service = before.split(':').next().unwrap_or_default();
                let all = ty.facts.permissions;
                let mut actions = [all.create, all.read, all.update, all.delete].into_iter().flatten();
                assert!(before.is_empty() || actions.any(|a| super::service(a) == service), "{}: {pattern}", ty.token);
            }
        }
    }

    #[test]
    fn inputs_that_need_more_permissions_are_inputs_of_the_type() {
        for ty in crate::aws::catalog().types() {
            for with in ty.facts.permissions_with {
                let root = with.input.split('.').next().unwrap_or_default();
                assert!(ty.inputs.get(root).is_some(), "{}: {}", ty.token, with.input);
                assert!(
                    [with.read, with.write, with.itself].concat().iter().all(|action| action.contains(':')),
                    "{}",
                    ty.token
                );
            }
        }
    }

    /// What EC2 checks its actions on, as far as the inputs of our types can name it (Service Authorization
    /// Reference, "Actions defined by Amazon EC2"). Tags are checked on what bears them.
    const KINDS: [(&str, &[&str]); 58] = [
        ("AcceptVpcEndpointConnections", &["vpc-endpoint-service"]),
        ("AcceptVpcPeeringConnection", &["vpc", "vpc-peering-connection"]),
        ("AllocateAddress", &["elastic-ip", "ipam-pool", "ipv4pool-ec2"]),
        ("AssignPrivateNatGatewayAddress", &["natgateway"]),
        ("AssociateAddress", &["elastic-ip", "instance", "network-interface"]),
        ("AssociateNatGatewayAddress", &["elastic-ip", "natgateway"]),
        ("AssociateRouteTable", &["internet-gateway", "ipv4pool-ec2", "route-table", "subnet", "vpn-gateway"]),
        ("AssociateSubnetCidrBlock", &["ipam-pool", "subnet"]),
        ("AssociateVpcCidrBlock", &["ipam-pool", "ipv6pool-ec2", "vpc"]),
        ("AttachInternetGateway", &["internet-gateway", "vpc"]),
        ("AuthorizeSecurityGroupEgress", &["security-group", "security-group-rule"]),
        ("AuthorizeSecurityGroupIngress", &["security-group", "security-group-rule"]),
        (
            "CreateFlowLogs",
            &["network-interface", "subnet", "transit-gateway", "transit-gateway-attachment", "vpc", "vpc-flow-log"],
        ),
        ("CreateInternetGateway", &["internet-gateway"]),
        ("CreateLaunchTemplate", &["launch-template"]),
        ("CreateLaunchTemplateVersion", &["launch-template"]),
        ("CreateNatGateway", &["elastic-ip", "natgateway", "subnet", "vpc"]),
        ("CreateRoute", &["route-table"]),
        ("CreateRouteTable", &["route-table", "vpc"]),
        ("CreateSecurityGroup", &["security-group", "vpc"]),
        ("CreateSubnet", &["ipam-pool", "subnet", "vpc"]),
        ("CreateVpc", &["ipam-pool", "ipv6pool-ec2", "vpc"]),
        ("CreateVpcEndpoint", &["route-table", "security-group", "subnet", "vpc", "vpc-endpoint"]),
        ("CreateVpcPeeringConnection", &["vpc", "vpc-peering-connection"]),
        ("DeleteFlowLogs", &["vpc-flow-log"]),
        ("DeleteInternetGateway", &["internet-gateway"]),
        ("DeleteLaunchTemplate", &["launch-template"]),
        ("DeleteNatGateway", &["natgateway"]),
        ("DeleteNetworkInterface", &["network-interface"]),
        ("DeleteRoute", &["route-table"]),
        ("DeleteRouteTable", &["route-table"]),
        ("DeleteSecurityGroup", &["security-group"]),
        ("DeleteSubnet", &["subnet"]),
        ("DeleteVpc", &["vpc"]),
        ("DeleteVpcEndpoints", &["vpc-endpoint"]),
        ("DeleteVpcPeeringConnection", &["vpc-peering-connection"]),
        ("DetachInternetGateway", &["internet-gateway", "vpc"]),
        ("DisableVgwRoutePropagation", &["route-table", "vpn-gateway"]),
        ("DisassociateAddress", &["elastic-ip", "network-interface"]),
        ("DisassociateNatGatewayAddress", &["elastic-ip", "natgateway", "network-interface"]),
        (
            "DisassociateRouteTable",
            &["internet-gateway", "ipv4pool-ec2", "ipv6pool-ec2", "route-table", "subnet", "vpn-gateway"],
        ),
        ("DisassociateSubnetCidrBlock", &["subnet"]),
        ("DisassociateVpcCidrBlock", &["vpc"]),
        ("EnableVgwRoutePropagation", &["route-table", "vpn-gateway"]),
        ("ModifyLaunchTemplate", &["launch-template"]),
        ("ModifySecurityGroupRules", &["prefix-list", "security-group", "security-group-rule"]),
        ("ModifySubnetAttribute", &["subnet"]),
        ("ModifyVpcAttribute", &["vpc"]),
        ("ModifyVpcEndpoint", &["route-table", "security-group", "subnet", "vpc-endpoint"]),
        ("ModifyVpcPeeringConnectionOptions", &["vpc-peering-connection"]),
        ("ModifyVpcTenancy", &["vpc"]),
        ("ReleaseAddress", &["elastic-ip"]),
        ("ReplaceRoute", &["route-table"]),
        ("RevokeSecurityGroupEgress", &["security-group"]),
        ("RevokeSecurityGroupIngress", &["security-group"]),
        ("UnassignPrivateNatGatewayAddress", &["natgateway"]),
        ("UpdateSecurityGroupRuleDescriptionsEgress", &["security-group"]),
        ("UpdateSecurityGroupRuleDescriptionsIngress", &["security-group"]),
    ];

    #[test]
    fn actions_of_ec2_are_allowed_on_the_kinds_of_resources_that_it_checks_them_on() {
        let kind = |pattern: &&str| pattern.rsplit(':').next()?.split('/').next().map(str::to_owned);
        for ty in crate::aws::catalog().types().filter(|ty| ty.facts.acts_on.iter().any(|arn| arn.starts_with("ec2:")))
        {
            let all = ty.facts.permissions;
            let actions = [all.create, all.read, all.update, all.delete].concat();
            let own = actions
                .iter()
                .filter_map(|action| action.strip_prefix("ec2:"))
                .filter(|name| !name.starts_with("Describe") && !["CreateTags", "DeleteTags"].contains(name));
            let checked = own.flat_map(|name| {
                let row = KINDS.iter().find(|(action, _)| *action == name);
                row.unwrap_or_else(|| panic!("{}: {name}", ty.token)).1.iter().map(ToString::to_string)
            });
            let allowed: BTreeSet<String> = ty.facts.acts_on.iter().filter_map(kind).collect();
            assert_eq!(allowed, checked.collect(), "{}", ty.token);
        }
    }

    #[test]
    fn every_type_that_passes_a_role_says_to_whom() {
        for ty in crate::aws::catalog().types() {
            let all = ty.facts.permissions;
            let passes = [all.create, all.read, all.update, all.delete].into_iter().flatten().any(|a| *a == PASS_ROLE);
            assert_eq!(passes, !ty.facts.passes_roles_to.is_empty(), "{}", ty.token);
        }
    }

    #[test]
    fn actions_of_no_resource_are_actions_of_types_that_have_resources() {
        let types = crate::aws::catalog().types().filter(|ty| !ty.facts.acts_on.is_empty());
        let actions: BTreeSet<&str> = types
            .flat_map(|ty| {
                let all = ty.facts.permissions;
                let with = ty.facts.permissions_with.iter().flat_map(|with| [with.read, with.write, with.itself]);
                [all.create, all.read, all.update, all.delete].into_iter().chain(with).flatten().copied()
            })
            .collect();
        let unknown: Vec<&&str> = ANYWHERE.iter().filter(|action| !actions.contains(**action)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        assert!(ANYWHERE.is_sorted());
    }
}
