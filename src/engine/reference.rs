//! What an input takes that names another resource: the one table that checks and the twin go by.
//!
//! All of it follows from the schemas: from what an input `refers` to and takes `also`, from whether an ARN
//! and the name in it are `alike` there, and from the facts of the types.

use crate::engine::alike::Alike;
use crate::engine::provider::Catalog;
use crate::engine::resource::IdForm;
use crate::engine::schema::{Property, TypeSchema};
use crate::engine::urn::short_type;

/// What a text looks like that names a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Arn,
    Url,
    /// An id that the cloud makes up and that begins so: `vpc-`.
    Id(&'static str),
    /// A name or an id of no other form. It is no ARN.
    Name,
}

impl TypeSchema {
    /// What the values of a property look like that names a resource of the type. None of any other property.
    pub fn form_of(&self, property: &str) -> Option<Form> {
        match (property, self.facts.id) {
            ("id", IdForm::Random("", _)) => Some(Form::Name),
            ("id", IdForm::Random(prefix, _)) => Some(Form::Id(prefix)),
            ("id", IdForm::Input(name) | IdForm::Output(name)) => self.form_of(name),
            ("id", IdForm::Joined(..)) => None,
            ("url", _) => Some(Form::Url),
            (name, _) if name == "arn" || name.ends_with("Arn") => Some(Form::Arn),
            (name, _) if self.is_id(name) => self.form_of("id"),
            (name, IdForm::Input(input)) if name == input => Some(Form::Name),
            (name, _) if self.inputs.get(name).is_some_and(|input| input.auto_name.is_some()) => Some(Form::Name),
            _ => None,
        }
    }

    /// Whether an output repeats the id under the name of the type: `zoneId` of `Zone`.
    fn is_id(&self, output: &str) -> bool {
        let stem = output.strip_suffix("Id").unwrap_or_default();
        stem.eq_ignore_ascii_case(self.short_name()) && self.inputs.get(output).is_none()
    }

    /// The inputs that the id is made of.
    fn parts_of_id(&self) -> &[&'static str] {
        match &self.facts.id {
            IdForm::Input(name) => std::slice::from_ref(name),
            IdForm::Joined(names, _) => names,
            IdForm::Random(..) | IdForm::Output(_) => &[],
        }
    }
}

/// What an input takes, of which the schema tells that it names a resource.
#[derive(Debug, Clone)]
pub struct Taken<'c> {
    catalog: &'c Catalog,
    /// The type of the resource that is named.
    pub target: &'c TypeSchema,
    /// The property of it that is wanted.
    pub property: &'c str,
    /// What is taken beside that, and the form of each.
    others: Vec<(&'c TypeSchema, &'c str, Form)>,
    /// What other texts that are taken begin with.
    begins: Vec<&'c str>,
    form: Form,
    /// An id, an ARN and a name do alike.
    any_name: bool,
}

impl<'c> Taken<'c> {
    /// None for an input that names no resource of a known type, or that takes a property of one that tells it
    /// from no other.
    pub fn of(catalog: &'c Catalog, input: &'c Property) -> Option<Self> {
        let (token, property) = input.refers.as_ref()?;
        let target = catalog.find(token)?;
        let form = target.form_of(property)?;
        let (mut others, mut begins) = (Vec::new(), Vec::new());
        for other in &input.also {
            match other.rsplit_once('.').filter(|(token, _)| token.contains(':')) {
                None => begins.push(other.as_str()),
                Some((token, property)) => {
                    others.extend(catalog.find(token).and_then(|ty| Some((ty, property, ty.form_of(property)?))))
                }
            }
        }
        let any_name = target.facts.any_name || input.alike == Some(Alike::Arn);
        Some(Self { catalog, target, property, others, begins, form, any_name })
    }

    /// Whether the id that is wanted begins with letters of its own, so that no other text is one.
    pub fn is_told_by_its_beginning(&self) -> bool {
        matches!(self.form, Form::Id(_))
    }

    /// Whether a text may name what is wanted.
    pub fn fits(&self, text: &str) -> bool {
        let arn = text.starts_with("arn:");
        let of = |ty: &TypeSchema| text.split(':').nth(2) == Some(ty.arn_service());
        let has = |ty: &TypeSchema, form: Form| match form {
            Form::Arn => arn && of(ty),
            Form::Url => text.contains("://"),
            // `/hostedzone/Z1` and `123456789012/sg-1` name them as well.
            Form::Id(prefix) => !arn && text.rsplit('/').next().is_some_and(|id| id.starts_with(prefix)),
            Form::Name => !arn,
        };
        has(self.target, self.form)
            || self.any_name && (!arn || of(self.target))
            || self.others.iter().any(|(ty, _, form)| has(ty, *form))
            || self.begins.iter().any(|begin| match begin.starts_with("arn:") {
                // The same service in whatever partition.
                true => arn && text.split(':').nth(2) == begin.split(':').nth(2),
                false => text.starts_with(begin),
            })
    }

    /// Whether a type is the wanted one, or another that may be named in its place.
    pub fn is_of(&self, ty: &TypeSchema) -> bool {
        let stands_for = |wanted: &TypeSchema| wanted.token == ty.token || ty.facts.stands_for.contains(&wanted.token);
        stands_for(self.target) || self.others.iter().any(|(other, ..)| stands_for(other))
    }

    /// Whether that property of a resource may be what is wanted. What nothing is known of may be.
    pub fn takes(&self, ty: &TypeSchema, property: &str) -> bool {
        // What lives in the state alone is a text that serves as a name of whatever there is.
        if ty.facts.local {
            return true;
        }
        let (ty, property) = self.origin(ty, property);
        if property == "id" && ty.parts_of_id().iter().any(|part| self.names_target(ty, part)) {
            return true;
        }
        let is = |wanted: &TypeSchema, form: Form| {
            let own = wanted.token == ty.token || ty.facts.stands_for.contains(&wanted.token);
            match ty.form_of(property) {
                // Other names of its own are left to the cloud; an id or an ARN is never that of another type.
                given if own => given.is_none_or(|given| given == form),
                None => property != "id",
                Some(_) if property == "id" || property == "arn" => false,
                Some(given) => given == form,
            }
        };
        let name = !matches!(property, "id" | "arn") && !matches!(ty.form_of(property), Some(Form::Id(_) | Form::Url));
        is(self.target, self.form)
            || self.any_name && (name || self.is_of(ty))
            || self.others.iter().any(|(other, _, form)| is(other, *form))
            || self
                .begins
                .iter()
                .any(|begin| matches!(ty.form_of(property), Some(Form::Id(prefix)) if prefix == *begin))
    }

    /// Where the value of a property comes from: an input holds what it refers to.
    fn origin<'t>(&'t self, mut ty: &'t TypeSchema, mut property: &'t str) -> (&'t TypeSchema, &'t str) {
        // Inputs lead a few types on at most; what leads in a circle has no origin.
        for _ in 0..4 {
            let input = match (property, &ty.facts.id) {
                ("id", IdForm::Input(name)) => *name,
                (name, _) => name,
            };
            // What takes several forms tells of none that it has it.
            let sure = |input: &&Property| input.also.is_empty() && input.alike != Some(Alike::Arn);
            let Some((token, name)) = ty.inputs.get(input).filter(sure).and_then(|input| input.refers.as_ref()) else {
                break;
            };
            let Some(next) = self.catalog.find(token) else { break };
            (ty, property) = (next, name);
        }
        (ty, property)
    }

    fn names_target(&self, ty: &TypeSchema, input: &str) -> bool {
        let refers = ty.inputs.get(input).and_then(|input| input.refers.as_ref());
        refers.and_then(|(token, _)| self.catalog.find(token)).is_some_and(|named| self.is_of(named))
    }

    /// What is wanted, in words: ``the id of an `aws:ec2:Vpc` (`vpc-…`)``.
    pub fn in_words(&self) -> String {
        let form = match self.form {
            Form::Id(prefix) => format!(" (`{prefix}…`)"),
            Form::Arn | Form::Url | Form::Name => String::new(),
        };
        let mut words = described(self.target, self.property) + &form;
        if self.any_name {
            words = format!("the id, the ARN or a name of {}", with_article(self.target));
        }
        let others = self.others.iter().map(|(ty, property, _)| described(ty, property));
        let begins = self.begins.iter().map(|begin| format!("`{begin}`").replace("-`", "-…`"));
        let all: Vec<String> = std::iter::once(words).chain(others).chain(begins).collect();
        match all.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, before)) => format!("{}, or {last}", before.join(", ")),
            None => String::new(),
        }
    }
}

/// ``the ARN of an `aws:iam:Role` ``.
fn described(ty: &TypeSchema, property: &str) -> String {
    format!("{} of {}", property_in_words(ty, property), with_article(ty))
}

/// `the id`, `the ARN`, or the property by its name.
pub fn property_in_words(ty: &TypeSchema, property: &str) -> String {
    match (property, ty.form_of(property)) {
        ("id", Some(Form::Name)) if !ty.parts_of_id().is_empty() => "the name".to_owned(),
        ("id", _) => "the id".to_owned(),
        ("arn", _) => "the ARN".to_owned(),
        ("name", _) => "the name".to_owned(),
        (name, _) => format!("`{name}`"),
    }
}

/// ``an `aws:iam:Role` ``.
pub fn with_article(ty: &TypeSchema) -> String {
    let token = short_type(ty.token);
    format!("{} `{token}`", if token.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::schema::Shape;

    fn input<'c>(catalog: &'c Catalog, ty: &str, path: &str) -> &'c Property {
        let mut object = &catalog.find(ty).unwrap().inputs;
        let mut names = path.split('.').peekable();
        loop {
            let property = object.get(names.next().unwrap()).unwrap();
            if names.peek().is_none() {
                return property;
            }
            let mut shape = &property.shape;
            while let Shape::List { item, .. } | Shape::Map(item) = shape {
                shape = &item.shape;
            }
            let Shape::Object(inner) = shape else { panic!("{path}") };
            object = inner;
        }
    }

    #[test]
    fn a_text_fits_where_its_form_does() {
        let catalog = crate::aws::catalog();
        let fits = |ty: &str, path: &str, text: &str| {
            Taken::of(catalog, input(catalog, ty, path)).is_none_or(|taken| taken.fits(text))
        };
        for (ty, path, good, bad) in [
            ("aws:ec2:Subnet", "vpcId", &["vpc-1"][..], &["blah", "subnet-1", "arn:aws:ec2:a:1:vpc/vpc-1"][..]),
            ("aws:ec2:Route", "gatewayId", &["igw-1", "vgw-1", "local"], &["nat-1", "gateway"]),
            ("aws:route53:Record", "zoneId", &["Z1", "/hostedzone/Z1"], &["example.com"]),
            ("aws:vpc:SecurityGroupIngressRule", "referencedSecurityGroupId", &["sg-1", "123456789012/sg-1"], &["web"]),
            ("aws:lambda:Function", "role", &["arn:aws:iam::1:role/a"], &["a", "arn:aws:s3:::a"]),
            ("aws:iam:RolePolicyAttachment", "role", &["a"], &["arn:aws:iam::1:role/a"]),
            ("aws:iam:RolePolicyAttachment", "policyArn", &["arn:aws:iam::aws:policy/A"], &["A"]),
            ("aws:rds:Cluster", "kmsKeyId", &["alias/a", "1234", "arn:aws:kms:a:1:alias/a"], &["arn:aws:s3:::a"]),
            ("aws:lambda:Permission", "function", &["f", "f:1", "arn:aws:lambda:a:1:function:f"], &["arn:aws:s3:::f"]),
            ("aws:secretsmanager:SecretVersion", "secretId", &["a", "arn:aws:secretsmanager:a:1:secret:a"], &[]),
            ("aws:ec2:FlowLog", "logDestination", &["arn:aws:s3:::a", "arn:aws:logs:a:1:log-group:a"], &["a"]),
            (
                "aws:lb:Listener",
                "certificateArn",
                &["arn:aws:acm:a:1:certificate/a", "arn:aws:iam::1:server-certificate/a"],
                &["a"],
            ),
            ("aws:sqs:QueuePolicy", "queueUrl", &["http://127.0.0.1/q"], &["arn:aws:sqs:a:1:q"]),
            (
                "aws:cloudwatch:LogSubscriptionFilter",
                "logGroup",
                &["/a", "arn:aws:logs:a:1:log-group:/a"],
                &["arn:aws:s3:::a"],
            ),
        ] {
            for text in good {
                assert!(fits(ty, path, text), "{ty}.{path}: {text}");
            }
            for text in bad {
                assert!(!fits(ty, path, text), "{ty}.{path}: {text}");
            }
        }
    }

    #[test]
    fn a_property_of_a_resource_is_taken_where_it_is_what_is_wanted_or_may_be() {
        let catalog = crate::aws::catalog();
        let takes = |ty: &str, path: &str, (other, property): (&str, &str)| {
            Taken::of(catalog, input(catalog, ty, path)).unwrap().takes(catalog.find(other).unwrap(), property)
        };
        type Named = (&'static str, &'static str);
        for (ty, path, good, bad) in [
            (
                "aws:ec2:Subnet",
                "vpcId",
                &[("aws:ec2:Vpc", "id"), ("aws:ec2:Subnet", "vpcId"), ("aws:ssm:Parameter", "value")][..],
                &[("aws:ec2:Vpc", "arn"), ("aws:s3:Bucket", "arn"), ("aws:ec2:Subnet", "id"), ("aws:iam:Role", "name")]
                    [..],
            ),
            (
                "aws:lambda:Function",
                "role",
                &[("aws:iam:Role", "arn")],
                &[("aws:iam:Role", "id"), ("aws:iam:Role", "name"), ("aws:iam:Policy", "arn"), ("aws:ec2:Vpc", "id")],
            ),
            (
                "aws:s3:BucketPolicy",
                "bucket",
                &[("aws:s3:Bucket", "id"), ("aws:s3:Bucket", "bucket"), ("aws:s3:BucketVersioning", "id")],
                &[("aws:s3:Bucket", "arn"), ("aws:ec2:Vpc", "id"), ("aws:iam:Role", "id")],
            ),
            (
                "aws:rds:Cluster",
                "kmsKeyId",
                &[
                    ("aws:kms:Key", "arn"),
                    ("aws:kms:Key", "id"),
                    ("aws:kms:Key", "keyId"),
                    ("aws:kms:Alias", "arn"),
                    ("aws:kms:Alias", "name"),
                    ("aws:kms:Alias", "targetKeyArn"),
                ],
                &[("aws:s3:Bucket", "arn"), ("aws:ec2:Vpc", "id")],
            ),
            (
                "aws:dynamodb:TableReplica",
                "globalTableArn",
                &[("aws:dynamodb:Table", "arn"), ("aws:dynamodb:TableReplica", "arn")],
                &[("aws:dynamodb:Table", "name"), ("aws:dynamodb:Table", "id")],
            ),
            (
                "aws:secretsmanager:SecretVersion",
                "secretId",
                &[
                    ("aws:secretsmanager:Secret", "id"),
                    ("aws:secretsmanager:Secret", "arn"),
                    ("aws:secretsmanager:Secret", "name"),
                ],
                &[("aws:kms:Key", "id")],
            ),
            (
                "aws:lb:Listener",
                "certificateArn",
                &[
                    ("aws:acm:Certificate", "arn"),
                    ("aws:acm:Certificate", "id"),
                    ("aws:acm:CertificateValidation", "certificateArn"),
                    ("aws:acm:CertificateValidation", "id"),
                ],
                &[("aws:acm:Certificate", "domainName")],
            ),
            (
                "aws:route53:Record",
                "zoneId",
                &[
                    ("aws:route53:Zone", "zoneId"),
                    ("aws:route53:Zone", "id"),
                    ("aws:route53:ZoneAssociation", "zoneId"),
                ],
                &[("aws:route53:Zone", "arn"), ("aws:route53:HealthCheck", "id")],
            ),
        ] as [(&str, &str, &[Named], &[Named]); 8]
        {
            for named in good {
                assert!(takes(ty, path, *named), "{ty}.{path}: {named:?}");
            }
            for named in bad {
                // A plain text property says nothing of what it holds.
                assert_eq!(
                    takes(ty, path, *named),
                    *named == ("aws:acm:Certificate", "domainName"),
                    "{ty}.{path}: {named:?}"
                );
            }
        }
    }
}
