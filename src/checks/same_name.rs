use std::collections::HashMap;

use super::Rule;
use super::scene::{Field, Item, Scene};
use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::resource::{IdForm, Names};

pub(super) const RULE: Rule = Rule {
    code: "same-name",
    summary: "No two resources of a type have one name where AWS wants it unique.",
    why: "AWS refuses the second, or makes it one with the first, and each change undoes the other.",
    find,
};

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut taken: HashMap<(&str, &str, String), Item<'_>> = HashMap::new();
    let mut found = Vec::new();
    for item in scene.all() {
        let token = item.schema().token;
        let place = if item.schema().facts.names == Names::Everywhere { "" } else { item.place().0.as_str() };
        let Some(identity) = identity(item) else { continue };
        let Some(first) = taken.get(&(token, place, identity.key.clone())) else {
            taken.insert((token, place, identity.key), item);
            continue;
        };
        let what = item.schema().short_name();
        let message = match identity.shown {
            Some(name) => format!("the {what} `{}` has the name of `{}`: `{name}`", item.name(), first.name()),
            None => format!("the {what} `{}` is one with `{}` for AWS: it has the same names", item.name(), first.name()),
        };
        let problem = Diagnostic { at: Some(identity.at), ..item.wrong(message) };
        found.push(problem.also(first.at(), "the first one").help("give it another name, or leave out one of the two"));
    }
    found
}

/// What AWS tells a resource by.
struct Identity {
    key: String,
    /// The name as a user knows it.
    shown: Option<String>,
    at: Location,
}

fn identity(item: Item<'_>) -> Option<Identity> {
    let schema = item.schema();
    let may_be_meant = |field: Field<'_>| !field.is_given() && !field.is_missing();
    if schema.naming_inputs().iter().any(|name| may_be_meant(item.field(name))) {
        return None;
    }
    let at = match schema.facts.id {
        IdForm::Input(input) => item.field(input).at(),
        _ => item.at(),
    };
    if let Some(id) = schema.predicted_id(item.values()) {
        return Some(Identity { key: id.0.clone(), shown: Some(id.0), at });
    }
    // What is not known yet is the same if it comes from the same property of the same resource.
    if let Some(id) = schema.predicted_id(item.links()) {
        return Some(Identity { key: id.0, shown: None, at });
    }
    let named = schema.inputs.properties.iter().find(|p| p.auto_name.is_some())?;
    if matches!(schema.facts.id, IdForm::Input(_) | IdForm::Joined(..)) {
        return None;
    }
    let name = item.field(&named.name);
    let around = match schema.facts.names {
        Names::Shared => return None,
        Names::Within(input) => container(item.field(input))?,
        Names::Region | Names::Everywhere => String::new(),
    };
    let text = name.text()?;
    Some(Identity { key: format!("{around}/{text}"), shown: Some(text.to_owned()), at: name.at() })
}

/// What the field names, if it can be told.
fn container(field: Field<'_>) -> Option<String> {
    match field.link() {
        Some((item, _)) => Some(format!("#{}", item.index)),
        None if field.is_missing() => Some(String::new()),
        None => field.text().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn a_name_is_given_once_where_it_must_be_unique() {
        let program = "
  a: {type: aws:s3:Bucket, properties: {bucket: orders}}
  b: {type: aws:s3:Bucket, region: secondary, properties: {bucket: orders}}
  c: {type: aws:sns:Topic, properties: {name: alerts}}
  d: {type: aws:sns:Topic, region: secondary, properties: {name: alerts}}
  e: {type: aws:sns:Topic, properties: {name: alerts}}
  f: {type: aws:cloudwatch:LogGroup, properties: {name: alerts}}
";
        let expected = [
            "alerts | the Topic `e` has the name of `c`: `alerts`",
            "orders | the Bucket `b` has the name of `a`: `orders`",
        ];
        assert_eq!(found(&RULE, program), expected);
    }

    #[test]
    fn a_group_may_have_the_name_of_one_in_another_network() {
        let program = "
  one: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  two: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.1.0.0/16}}
  a: {type: aws:ec2:SecurityGroup, properties: {name: db, vpcId: '${one.id}'}}
  b: {type: aws:ec2:SecurityGroup, properties: {name: db, vpcId: '${two.id}'}}
  c: {type: aws:ec2:SecurityGroup, properties: {name: db, vpcId: '${two.id}'}}
";
        assert_eq!(found(&RULE, program), ["db | the SecurityGroup `c` has the name of `b`: `db`"]);
    }

    #[test]
    fn two_policies_of_one_bucket_are_one() {
        let program = "
  bucket: {type: aws:s3:Bucket}
  other: {type: aws:s3:Bucket}
  a: {type: aws:s3:BucketPolicy, properties: {bucket: '${bucket.id}', policy: {}}}
  b: {type: aws:s3:BucketPolicy, properties: {bucket: '${bucket.id}', policy: {}}}
  c: {type: aws:s3:BucketPolicy, properties: {bucket: '${other.id}', policy: {}}}
";
        let message = "'${bucket.id}' | the BucketPolicy `b` is one with `a` for AWS: it has the same names";
        assert_eq!(found(&RULE, program), [message]);
    }

    #[test]
    fn a_public_and_a_private_zone_may_have_one_name() {
        let program = "
  vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  a: {type: aws:route53:Zone, properties: {name: shop.example}}
  b: {type: aws:route53:Zone, properties: {name: shop.example, vpcs: [{vpcId: '${vpc.id}'}]}}
";
        assert!(found(&RULE, program).is_empty());
    }
}
