//! What a stack must be allowed to do, and on what, from the types' own lists.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::aws;
use crate::engine::foresight;
use crate::engine::handle::Handle;
use crate::engine::names;
use crate::engine::program::Declaration;
use crate::engine::resource::Where;
use crate::engine::schema::{FunctionSchema, TypeSchema};
use crate::engine::urn::Urn;
use crate::engine::value::{Map, Value};
use crate::stack::{Link, SURVEY_ACCOUNT, Surveyed};

/// Actions that are allowed on some resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// The service, and the type if it is about resources of one: `s3Bucket`.
    pub(super) name: String,
    pub(super) actions: BTreeSet<&'static str>,
    /// ARNs, perhaps with `*`.
    pub(super) resources: BTreeSet<String>,
    /// For roles that are passed: the services that may get them.
    pub(super) passed_to: BTreeSet<String>,
}

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
const OF_SERVICES: [(&str, &str); 3] = [
    ("iam:CreateServiceLinkedRole", "iam::*:role/aws-service-role/*"),
    ("secretsmanager:CreateSecret", "secretsmanager:*:*:secret:rds!*"),
    ("secretsmanager:TagResource", "secretsmanager:*:*:secret:rds!*"),
];

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
pub(super) fn grants(
    resources: &[Surveyed],
    functions: &[&FunctionSchema],
    read_only: bool,
    detail: Detail,
) -> Vec<Grant> {
    let scene = Scene::of(resources, detail);
    let mut grants = Grants::default();
    let asked = functions.iter().flat_map(|function| function.permissions).copied();
    ALWAYS.into_iter().chain(asked).for_each(|action| grants.anywhere(action));
    for (i, surveyed) in resources.iter().enumerate() {
        let facts = &surveyed.schema.facts;
        let needed = facts.permissions;
        let looks_only = read_only || surveyed.declaration.external.is_some();
        let changing: &[_] = if looks_only { &[] } else { &[needed.create, needed.update, needed.delete] };
        let actions: BTreeSet<&'static str> =
            std::iter::once(needed.read).chain(changing.iter().copied()).flatten().copied().collect();
        let arns = scene.arns(i);
        let own = arns.as_deref().and_then(|arns| arns.first()?.split(':').nth(2));
        for action in actions {
            let service = service(action);
            match action {
                PASS_ROLE => {
                    let roles = scene.roles(i);
                    if !roles.is_empty() {
                        grants.add("iamPassRole".into(), action, roles, scene.principals(facts.passes_roles_to));
                    }
                }
                action if own == Some(service) && !is_for_all(action) => {
                    let name = format!("{}{}", letters(service), surveyed.schema.short_name());
                    grants.add(name, action, arns.iter().flatten().cloned(), []);
                }
                action => match OF_SERVICES.iter().find(|(other, _)| *other == action) {
                    Some((_, about)) if surveyed.schema.service() != service => {
                        let arn = format!("arn:{}:{about}", scene.partition);
                        grants.add(format!("{}OfServices", letters(service)), action, [arn], []);
                    }
                    _ => grants.anywhere(action),
                },
            }
        }
        for with in facts.permissions_with {
            let named = scene.named_in(i, with.input);
            if named.is_empty() {
                continue;
            }
            let written: &[_] = if looks_only { &[] } else { with.write };
            for action in with.read.iter().chain(written).copied() {
                if named.contains(ANY) {
                    grants.anywhere(action);
                } else {
                    let name = format!("{}Of{}", letters(service(action)), surveyed.schema.short_name());
                    grants.add(name, action, named.clone(), []);
                }
            }
        }
    }
    let mut grants: Vec<Grant> = grants.0.into_values().collect();
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

/// RDS describes everything by lists.
fn is_for_all(action: &str) -> bool {
    action.starts_with("rds:Describe") || ANYWHERE.contains(&action)
}

/// `ec2` of `ec2:CreateVpc`.
fn service(action: &'static str) -> &'static str {
    action.split(':').next().unwrap_or_default()
}

fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

#[derive(Default)]
struct Grants(BTreeMap<String, Grant>);

impl Grants {
    fn add(
        &mut self,
        name: String,
        action: &'static str,
        resources: impl IntoIterator<Item = String>,
        passed_to: impl IntoIterator<Item = String>,
    ) {
        let fresh = || Grant {
            name: name.clone(),
            actions: BTreeSet::new(),
            resources: BTreeSet::new(),
            passed_to: BTreeSet::new(),
        };
        let grant = self.0.entry(name.clone()).or_insert_with(fresh);
        grant.actions.insert(action);
        grant.resources.extend(resources);
        grant.passed_to.extend(passed_to);
    }

    fn anywhere(&mut self, action: &'static str) {
        self.add(letters(service(action)), action, [ANY.to_owned()], []);
    }
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

    /// Services as policies name them. In China some have the domain of that part, some the common one.
    fn principals(&self, services: &[&str]) -> Vec<String> {
        let domains: &[_] =
            if self.partition == "aws-cn" { &["amazonaws.com", "amazonaws.com.cn"] } else { &["amazonaws.com"] };
        let named = services.iter().flat_map(|service| domains.iter().map(move |domain| format!("{service}.{domain}")));
        named.collect()
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
            return Some(vec![format!("arn:{}:{pattern}", self.partition)]);
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
        Some(vec![format!("arn:{}:{before}{}{after}", self.partition, text.as_deref().unwrap_or(ANY))])
    }

    /// ARNs of what an input names, `*` where that cannot be told. None if the input is not given.
    fn named_in(&self, i: usize, input: &str) -> BTreeSet<String> {
        let arns = |value: &Value| {
            let text = value.bare().as_str()?;
            match Link::all(text).next() {
                Some(link) if link.whole => self.arns(link.resource),
                // Policies know a key by its own ARN only.
                None if text.starts_with("arn:") && !text.contains(":alias/") => Some(vec![text.to_owned()]),
                _ => None,
            }
        };
        let given = values_at(&self.resources[i].links, input).into_iter();
        given.flat_map(|value| arns(value).unwrap_or_else(|| vec![ANY.to_owned()])).collect()
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
        let every = || format!("arn:{}:iam::*:role/*", self.partition);
        let mut roles = BTreeSet::new();
        for urn in self.with_profiles(&declaration.needs) {
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
        let takes_role = |p: &&crate::engine::schema::Property| p.refers.as_ref().is_some_and(|(ty, _)| ty == ROLE);
        for property in schema.inputs.properties.iter().filter(takes_role) {
            match values.get(&property.name) {
                Some(Value::String(name))
                    if !name.starts_with("arn:") && self.named_by(i, &property.name).is_none() =>
                {
                    let form = |path: &str| format!("arn:{}:iam::*:role/{path}{name}", self.partition);
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

    /// Resources, and what the instance profiles among them need.
    fn with_profiles<'u>(&'u self, urns: &'u [Urn]) -> impl Iterator<Item = &'u Urn> {
        let profiles = urns.iter().filter(|urn| urn.ty() == INSTANCE_PROFILE).filter_map(|urn| self.find(urn));
        urns.iter().chain(profiles.flat_map(|profile| &self.resources[profile].declaration.needs))
    }

    fn find(&self, urn: &Urn) -> Option<usize> {
        self.by_urn.get(urn).copied()
    }
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
                assert!(with.read.iter().chain(with.write).all(|action| action.contains(':')), "{}", ty.token);
            }
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
                [all.create, all.read, all.update, all.delete].into_iter().flatten().copied()
            })
            .collect();
        let unknown: Vec<&&str> = ANYWHERE.iter().filter(|action| !actions.contains(**action)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        assert!(ANYWHERE.is_sorted());
    }
}
