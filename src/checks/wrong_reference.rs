use std::collections::HashSet;

use super::Rule;
use super::scene::{Field, Item, Scene};
use crate::engine::diagnostic::{Diagnostic, nearest};
use crate::engine::path::{Path, Segment};
use crate::engine::placeholder::PLACEHOLDER;
use crate::engine::provider::Catalog;
use crate::engine::reference::{Taken, property_in_words, with_article};
use crate::engine::schema::{Object, Property, Shape};
use crate::engine::urn::{short_type, split_name};

pub(super) const RULE: Rule = Rule {
    code: "wrong-reference",
    summary: "What names another resource is the id, the ARN or the name that is wanted there, of a resource of that type.",
    why: "AWS knows no resource by another text, and says so when half of the run is done.",
    find,
};

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut search = Search { scene, catalog: scene.catalog(), found: Vec::new(), told: HashSet::new() };
    for item in scene.all() {
        let ignored = item.ignored();
        search.object(&item.schema().inputs, item.whole(), (&Path::default(), &ignored));
    }
    search.found
}

struct Search<'s> {
    scene: &'s Scene<'s>,
    catalog: &'s Catalog,
    found: Vec<Diagnostic>,
    /// Places and inputs that are wrong, since instances of one text make one mistake.
    told: HashSet<(String, usize, String)>,
}

impl<'s> Search<'s> {
    /// `ignored` is what the state decides, whatever the program says.
    fn object(&mut self, object: &'s Object, given: Field<'s>, (path, ignored): (&Path, &[Path])) {
        for property in object.properties.iter().filter(|property| may_name(property)) {
            let field = given.field(&property.name);
            if !(field.is_given() || field.is_linked()) {
                continue;
            }
            let path = path.key(&property.name);
            if !ignored.iter().any(|pattern| pattern.touches(&path)) {
                self.property(property, property, field, (&path, ignored));
            }
        }
    }

    /// `named` is the property that tells what is named, for the items of a list or a map.
    fn property(
        &mut self,
        property: &'s Property,
        named: &'s Property,
        field: Field<'s>,
        (path, ignored): (&Path, &[Path]),
    ) {
        let of_item = |item: &'s Property| if item.refers.is_some() { item } else { named };
        match &property.shape {
            Shape::Object(object) => self.object(object, field, (path, ignored)),
            Shape::List { item, .. } => {
                for (n, field) in field.items().enumerate() {
                    self.property(item, of_item(item), field, (&path.child(Segment::Index(n)), ignored));
                }
            }
            Shape::Map(item) => {
                for field in field.entries() {
                    self.property(item, of_item(item), field, (&path.key(field.name), ignored));
                }
            }
            _ => {
                if let Some(taken) = Taken::of(self.catalog, named)
                    && let Some(wrong) = self.wrong(&taken, field, path)
                    && self.told.insert(place(&wrong, path))
                {
                    self.found.push(wrong);
                }
            }
        }
    }

    fn wrong(&self, taken: &Taken<'_>, field: Field<'s>, path: &Path) -> Option<Diagnostic> {
        let link = field.link().filter(|(item, property)| !taken.takes(item.schema(), property));
        let given = match (link, field.text()) {
            (Some((item, property)), _) => {
                let words = property_in_words(item.schema(), property);
                format!("{words} of `{}`, which is {}", item.name(), with_article(item.schema()))
            }
            (None, Some(text)) if !taken.fits(text) && !text.contains(PLACEHOLDER) => format!("`{text}`"),
            _ => return None,
        };
        let subject = short_type(field.owner.schema().token);
        let wrong = field.wrong(format!("`{path}` of `{subject}` takes {}, not {given}", taken.in_words()));
        Some(match self.remedy(taken, field, link.map(|(item, _)| item)) {
            Some(help) => wrong.help(help),
            None => wrong,
        })
    }

    /// The nearest that would be right.
    fn remedy(&self, taken: &Taken<'_>, field: Field<'s>, link: Option<Item<'s>>) -> Option<String> {
        let (owner, property) = (field.owner, taken.property);
        let (home, _) = split_name(owner.name());
        let written = |item: Item<'s>| {
            let (there, name) = split_name(item.name());
            (there == home).then(|| format!("${{{name}.{property}}}"))
        };
        if let Some(item) = link.filter(|item| item.is(taken.target.token)) {
            return Some(format!("write `{}`", written(item)?));
        }
        let is_near = |item: &Item<'s>| item.place() == owner.place() || item.place().is_global();
        let fit = self.scene.of(taken.target.token).filter(|item| is_near(item) && item.index != owner.index);
        let all: Vec<(&str, String)> = fit.filter_map(|item| Some((split_name(item.name()).1, written(item)?))).collect();
        let like = field.link().map(|(item, _)| split_name(item.name()).1).or(field.text());
        let nearest = like.and_then(|like| nearest(like, all.iter().map(|(name, _)| *name)));
        let nearest = all.iter().find(|(name, _)| Some(*name) == nearest);
        Some(match (all.as_slice(), nearest) {
            ([], _) => format!("declare one of type `{}`, or name one that exists", short_type(taken.target.token)),
            ([(_, only)], _) => format!("write `{only}`"),
            (_, Some((_, written))) => format!("did you mean `{written}`?"),
            (all, None) => {
                let some: Vec<String> = all.iter().take(3).map(|(_, written)| format!("`{written}`")).collect();
                format!("write {}", some.join(" or "))
            }
        })
    }
}

/// Whether a property or a part of it may name a resource.
fn may_name(property: &Property) -> bool {
    property.refers.is_some()
        || match &property.shape {
            Shape::Object(_) => true,
            Shape::List { item, .. } | Shape::Map(item) => may_name(item),
            _ => false,
        }
}

fn place(wrong: &Diagnostic, path: &Path) -> (String, usize, String) {
    let at = wrong.at.as_ref();
    (at.map(|at| at.source.name.clone()).unwrap_or_default(), at.map_or(0, |at| at.start), path.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{found, told};

    const NETWORK: &str = "
  vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  bucket: {type: aws:s3:Bucket}
  role: {type: aws:iam:Role, properties: {assumeRolePolicy: {}}}
  key: {type: aws:kms:Key}
";

    fn of(resources: &str) -> Vec<String> {
        found(&RULE, &format!("{NETWORK}{resources}"))
    }

    #[test]
    fn a_text_that_cannot_be_the_id_is_refused() {
        let program = "
  a: {type: aws:ec2:Subnet, properties: {vpcId: blah, cidrBlock: 10.0.1.0/24}}
  b: {type: aws:ec2:Subnet, properties: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.0.1.0/24}}
  c: {type: aws:rds:SubnetGroup, properties: {subnetIds: [subnet-1, vpc-1]}}
";
        assert_eq!(
            of(program),
            [
                "blah | `vpcId` of `aws:ec2:Subnet` takes the id of an `aws:ec2:Vpc` (`vpc-…`), not `blah`",
                "vpc-1 | `subnetIds[1]` of `aws:rds:SubnetGroup` takes the id of an `aws:ec2:Subnet` (`subnet-…`), not `vpc-1`",
            ]
        );
    }

    #[test]
    fn a_resource_of_another_type_is_refused() {
        let program = "
  a: {type: aws:ec2:Subnet, properties: {vpcId: '${bucket.arn}', cidrBlock: 10.0.1.0/24}}
  b: {type: aws:rds:SubnetGroup, properties: {subnetIds: ['${vpc.id}']}}
  c: {type: aws:ec2:Subnet, properties: {vpcId: '${a.vpcId}', cidrBlock: 10.0.2.0/24}}
  d: {type: aws:ec2:Subnet, properties: {vpcId: '${role}', cidrBlock: 10.0.3.0/24}}
";
        assert_eq!(
            of(program),
            [
                "'${bucket.arn}' | `vpcId` of `aws:ec2:Subnet` takes the id of an `aws:ec2:Vpc` (`vpc-…`), not the ARN of `bucket`, which is an `aws:s3:Bucket`",
                "'${role}' | `vpcId` of `aws:ec2:Subnet` takes the id of an `aws:ec2:Vpc` (`vpc-…`), not the name of `role`, which is an `aws:iam:Role`",
                "'${vpc.id}' | `subnetIds[0]` of `aws:rds:SubnetGroup` takes the id of an `aws:ec2:Subnet` (`subnet-…`), not the id of `vpc`, which is an `aws:ec2:Vpc`",
            ]
        );
    }

    #[test]
    fn an_id_is_no_arn_and_an_arn_is_no_name() {
        let program = "
  a: {type: aws:sfn:StateMachine, properties: {roleArn: '${role.id}', definition: {}}}
  b: {type: aws:iam:RolePolicyAttachment, properties: {role: '${role.arn}', policyArn: 'arn:aws:iam::aws:policy/A'}}
  c: {type: aws:iam:RolePolicyAttachment, properties: {role: '${role.id}', policyArn: ReadOnlyAccess}}
";
        assert_eq!(
            of(program),
            [
                "'${role.arn}' | `role` of `aws:iam:RolePolicyAttachment` takes the name of an `aws:iam:Role`, not the ARN of `role`, which is an `aws:iam:Role`",
                "'${role.id}' | `roleArn` of `aws:sfn:StateMachine` takes the ARN of an `aws:iam:Role`, not the name of `role`, which is an `aws:iam:Role`",
                "ReadOnlyAccess | `policyArn` of `aws:iam:RolePolicyAttachment` takes the ARN of an `aws:iam:Policy`, not `ReadOnlyAccess`",
            ]
        );
    }

    #[test]
    fn what_may_be_right_passes() {
        let program = "
  alias: {type: aws:kms:Alias, properties: {targetKeyId: '${key.id}'}}
  a: {type: aws:cloudwatch:LogGroup, properties: {kmsKeyId: '${alias.arn}'}}
  b: {type: aws:sns:Topic, properties: {kmsMasterKeyId: alias/aws/sns}}
  c: {type: aws:rds:Cluster, properties: {engine: a, storageEncrypted: true, kmsKeyId: '${key.keyId}'}}
  v: {type: aws:s3:BucketVersioning, properties: {bucket: '${bucket.id}', versioningConfiguration: {status: Enabled}}}
  d: {type: aws:s3:BucketPolicy, properties: {bucket: '${v.id}', policy: {}}}
  e: {type: aws:ssm:Parameter, properties: {type: String, value: '${vpc.id}'}}
  f: {type: aws:ec2:Subnet, properties: {vpcId: '${e.value}', cidrBlock: 10.0.1.0/24}}
  m: {type: aws:ec2:Subnet, properties: {vpcId: whatever, cidrBlock: 10.0.3.0/24}, options: {ignoreChanges: [vpcId]}}
  n: {type: aws:ec2:Subnet, properties: {vpcId: '${vpc}', cidrBlock: 10.0.4.0/24}}
  h: {type: aws:iam:RolePolicy, properties: {role: {fn::select: [1, {fn::split: [/, '${role.arn}']}]}, policy: {}}}
  i: {type: aws:iam:RolePolicy, properties: {role: {fn::select: [0, {fn::split: [/, '${role.arn}']}]}, policy: {}}}
  k: {type: aws:ec2:SecurityGroup, properties: {vpcId: {fn::if: [{fn::equals: ['${role.arn}', '']}, '${role.arn}', '${vpc.id}']}}}
";
        assert!(of(program).is_empty(), "{:#?}", of(program));
    }

    #[test]
    fn all_are_told_at_once_each_with_its_place_and_the_nearest_right_thing() {
        let program = "
  vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  role: {type: aws:iam:Role, properties: {assumeRolePolicy: {}}}
  orders: {type: aws:sns:Topic}
  orders2: {type: aws:sns:Topic}
  a: {type: aws:ec2:Subnet, properties: {vpcId: '${role.arn}', cidrBlock: 10.0.1.0/24}}
  b: {type: aws:sfn:StateMachine, properties: {roleArn: '${role.name}', definition: {}}}
  c: {type: aws:sns:TopicSubscription, properties: {topic: order, protocol: sqs, endpoint: x}}
  d: {type: aws:ec2:Route, properties: {routeTableId: main, gatewayId: '${vpc.id}', destinationCidrBlock: 0.0.0.0/0}}
  e: {type: aws:ec2:FlowLog, properties: {vpcId: '${vpc.id}', logDestination: /logs, trafficType: ALL}}
  f: {type: aws:kms:Alias, properties: {name: alias/a, targetKeyId: '${vpc.id}'}}
  g: {type: aws:ec2:Subnet, properties: {vpcId: '${vpc.cidrBlock}', cidrBlock: 10.0.1.0/24}}
";
        insta::assert_snapshot!(told(program));
    }

    #[test]
    fn instances_of_one_text_make_one_mistake() {
        let program = "
  many: {type: aws:s3:Bucket, each: [a, b]}
  a: {type: aws:ec2:Subnet, each: [a, b], properties: {vpcId: '${many[each.key].arn}', cidrBlock: 10.0.1.0/24}}
";
        assert_eq!(of(program).len(), 1);
    }
}
