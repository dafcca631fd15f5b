//! `drctl explain`: what a type, a function or a property is, from the schemas that drctl runs on;
//! and why a rule refuses a program.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value as Json, json};

use crate::checks::{self, Rule};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};
use crate::cli::schema;
use crate::engine::diagnostic::nearest;
use crate::engine::provider::Catalog;
use crate::engine::resource::{Existing, Scope};
use crate::engine::schema::{FunctionSchema, Group, Object, Property, Shape, TypeSchema, summary};
use crate::engine::urn::short_type as short;
use crate::render;
use crate::render::table::Table;
use crate::render::words::{count, duration};
use crate::stack::{Builtin, FUNCTIONS};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// `aws:ec2:Vpc`, `aws:ec2:Vpc.cidrBlock`, `aws:getRegion`, `fn::join`, an option of a resource such as
    /// `protect`, or the code of a rule such as `burstable-class`; without it, all of them are listed
    #[arg(value_name = "TYPE[.PROPERTY]|FUNCTION|OPTION|RULE")]
    subject: Option<String>,
}

pub(super) fn run(arguments: &Arguments, catalog: &Catalog, json: bool) -> Result {
    match (&arguments.subject, json) {
        (None, false) => {
            let parts = [everything(catalog), language(), options(), rules()];
            render::data(parts.join("\n"));
        }
        (Some(subject), false) => render::data(explain(catalog, subject)?),
        (None, true) => render::data(format_args!("{:#}\n", all_as_json(catalog))),
        (Some(subject), true) => render::data(format_args!("{:#}\n", as_json(catalog, subject)?)),
    }
    Ok(Exit::Ok)
}

/// Everything that can be asked for, by kind.
fn all_as_json(catalog: &Catalog) -> Json {
    let types = catalog.types().map(|t| json!({ "name": t.token, "description": t.description }));
    let functions = catalog.functions().iter().map(|f| json!({ "name": f.token, "description": f.description }));
    let options = option_descriptions().into_iter().map(|(name, what)| json!({ "name": name, "description": what }));
    let rules = checks::RULES.iter().map(|r| json!({ "name": r.code, "description": r.summary }));
    json!({
        "types": types.collect::<Json>(),
        "functions": functions.collect::<Json>(),
        "language": FUNCTIONS.iter().map(builtin_as_json).collect::<Json>(),
        "options": options.collect::<Json>(),
        "rules": rules.collect::<Json>(),
    })
}

/// A type as the schema of its inputs, as ever; all else as an object that names its parts.
fn as_json(catalog: &Catalog, subject: &str) -> Result<Json> {
    let (token, path) = subject.split_once('.').unwrap_or((subject, ""));
    if let Some(ty) = catalog.find(token) {
        let found = property(&[&ty.inputs, &ty.outputs], token, path)?;
        return Ok(found.map_or_else(|| object_as_json(&ty.inputs), property_as_json));
    }
    if let Some(function) = catalog.function(token) {
        let found = property(&[&function.arguments, &function.result], token, path)?;
        return Ok(found.map_or_else(
            || {
                json!({
                    "description": function.description,
                    "arguments": object_as_json(&function.arguments),
                    "result": object_as_json(&function.result),
                })
            },
            property_as_json,
        ));
    }
    if let Some(builtin) = builtin(subject) {
        return Ok(builtin_as_json(builtin));
    }
    if let Some((name, what)) = option_descriptions().into_iter().find(|(name, _)| name == subject) {
        return Ok(json!({ "name": name, "description": what }));
    }
    let rule = checks::rule(subject).ok_or_else(|| unknown(catalog, token))?;
    Ok(json!({ "name": rule.code, "description": rule.summary, "why": rule.why }))
}

/// The schema of an object, with the rules of each of its properties.
fn object_as_json(object: &Object) -> Json {
    let mut schema = schema::object(object);
    for property in &object.properties {
        schema["properties"][&property.name] = property_as_json(property);
    }
    if !object.groups.is_empty() {
        schema["x-rules"] = object.groups.iter().map(rule).collect();
    }
    schema
}

/// The schema of a property, with what else its rules say: those that JSON Schema has a word for under that, the
/// others as `x-…`.
fn property_as_json(property: &Property) -> Json {
    let Property { bounds, .. } = property;
    let mut schema = schema::property(property);
    // Expressions stand beside the value itself.
    let own = match schema.get_mut("anyOf") {
        Some(Json::Array(forms)) => forms.first_mut(),
        _ => None,
    };
    if let (Some(own), Some(inner)) = (own, inner(&property.shape)) {
        let described = object_as_json(inner);
        match &property.shape {
            Shape::Object(_) => *own = described,
            Shape::List { item, .. } => own["items"] = property_as_json(item),
            Shape::Map(item) => own["additionalProperties"] = property_as_json(item),
            _ => {}
        }
    }
    for (name, holds, _) in switches(property) {
        if holds {
            schema[name] = true.into();
        }
    }
    let further = [
        ("x-auto-name", property.auto_name.map(Json::from)),
        ("x-form", bounds.form.clone().map(Json::from)),
        ("pattern", bounds.pattern.clone().map(Json::from)),
        ("x-refers", property.refers.as_ref().map(|(ty, name)| format!("{ty}.{name}").into())),
        ("x-also", (!property.also.is_empty()).then(|| json!(property.also))),
    ];
    for (name, said) in further {
        if let Some(said) = said {
            schema[name] = said;
        }
    }
    schema
}

/// What holds of a property or not: the word in its schema, whether it holds, and what that means for whoever
/// writes a stack.
fn switches(property: &Property) -> [(&'static str, bool, &'static str); 9] {
    let computed = property.computed && property.auto_name.is_none();
    [
        ("x-required", property.required, "required"),
        ("x-computed", computed, "the cloud decides if left out"),
        ("x-replace", property.replace, "a change replaces the resource"),
        ("x-initial", property.initial, "only for the creation"),
        ("x-moves", property.moves, "an update may change it"),
        ("writeOnly", property.write_only, "cannot be read back"),
        ("x-secret", property.secret, "secret"),
        ("deprecated", property.deprecated, "deprecated"),
        ("x-protection", property.protection, "protects from deletion"),
    ]
}

fn builtin_as_json(builtin: &Builtin) -> Json {
    json!({ "name": format!("fn::{}", builtin.name), "takes": builtin.takes, "description": builtin.gives })
}

/// A function of the language, with or without what calls begin with.
fn builtin(subject: &str) -> Option<&'static Builtin> {
    let name = subject.get(..4).filter(|head| head.eq_ignore_ascii_case("fn::")).map_or(subject, |_| &subject[4..]);
    FUNCTIONS.iter().find(|builtin| builtin.name.eq_ignore_ascii_case(name))
}

/// Options of resources, with what each does.
fn option_descriptions() -> Vec<(String, String)> {
    let schema = schema::options();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let described = properties.filter_map(|(name, option)| Some((name, option["description"].as_str()?)));
    described.map(|(name, what)| (name.clone(), what.to_owned())).collect()
}

fn language() -> String {
    let mut table = Table::new(["FUNCTION", "TAKES", "WHAT IT GIVES"]);
    for Builtin { name, takes, gives, .. } in FUNCTIONS {
        table.row([format!("fn::{name}"), (*takes).to_owned(), (*gives).to_owned()]);
    }
    table.to_string()
}

fn options() -> String {
    let mut table = Table::new(["OPTION", "WHAT IT DOES"]);
    for (name, what) in option_descriptions() {
        table.row([name, what]);
    }
    table.to_string()
}

fn everything(catalog: &Catalog) -> String {
    let mut table = Table::new(["NAME", "KIND", "WHAT IT IS"]);
    let types = catalog.types().map(|t| (short(t.token), "type", summary(&t.description)));
    let functions = catalog.functions().iter().map(|f| (short(f.token), "function", summary(&f.description)));
    let mut rows: Vec<_> = types.chain(functions).collect();
    rows.sort();
    for (name, kind, what) in rows {
        table.row([name, kind.to_owned(), what.to_owned()]);
    }
    table.to_string()
}

fn rules() -> String {
    let mut table = Table::new(["RULE", "WHAT MUST HOLD"]);
    for rule in checks::RULES {
        table.row([rule.code.to_owned(), rule.summary.to_owned()]);
    }
    table.to_string()
}

fn of_rule(rule: &Rule) -> String {
    format!("{}\n\n{}\n{}\n", rule.code, rule.summary, rule.why)
}

fn explain(catalog: &Catalog, subject: &str) -> Result<String> {
    if let Some(rule) = checks::rule(subject) {
        return Ok(of_rule(rule));
    }
    let (token, path) = subject.split_once('.').unwrap_or((subject, ""));
    if let Some(ty) = catalog.find(token) {
        return if path.is_empty() { Ok(of_type(ty)) } else { of_property(&[&ty.inputs, &ty.outputs], token, path) };
    }
    match catalog.function(token) {
        Some(function) if path.is_empty() => return Ok(of_function(function)),
        Some(function) => return of_property(&[&function.arguments, &function.result], token, path),
        None => {}
    }
    if let Some(Builtin { name, takes, gives, .. }) = builtin(subject) {
        return Ok(format!("fn::{name}: {takes}\n\n{gives}\n"));
    }
    match option_descriptions().into_iter().find(|(name, _)| name.eq_ignore_ascii_case(subject)) {
        Some((name, what)) => Ok(format!("{name}, an option of a resource\n\n{what}\n")),
        None => Err(unknown(catalog, token)),
    }
}

fn unknown(catalog: &Catalog, token: &str) -> Failure {
    let names: Vec<String> = catalog
        .tokens()
        .chain(catalog.functions().iter().map(|f| f.token))
        .flat_map(|token| [short(token), token.to_owned()])
        .chain(FUNCTIONS.iter().flat_map(|f| [f.name.to_owned(), format!("fn::{}", f.name)]))
        .chain(option_descriptions().into_iter().map(|(name, _)| name))
        .chain(checks::RULES.iter().map(|rule| rule.code.to_owned()))
        .collect();
    let last = |name: &str| name.rsplit(':').next().unwrap_or(name).to_lowercase();
    let same_name = || names.iter().find(|name| last(name) == last(token)).map(String::as_str);
    let help = match nearest(token, names.iter().map(String::as_str)).or_else(same_name) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "`drctl explain` lists all that it knows".to_owned(),
    };
    Failure::new(Exit::Configuration, format!("there is no type, function, option or rule `{token}`"), help)
}

fn of_type(ty: &TypeSchema) -> String {
    let mut text = format!("{}\n\n{}\n\n", ty.token, ty.description);
    let mut fact = |name: &str, what: String| {
        let _ = writeln!(text, "{name:<11} {what}");
    };
    let aliases: Vec<String> =
        std::iter::once(short(ty.token)).chain(ty.facts.aliases.iter().map(|a| (*a).to_owned())).collect();
    fact("Written as:", aliases.join(", "));
    let scope = match ty.facts.scope {
        _ if ty.facts.local => "in the state and nowhere else",
        Scope::Region => "in a region",
        Scope::Global => {
            "once for all regions; changed in one of them, us-east-1 on AWS, and not while that one is lost"
        }
    };
    fact("Lives:", scope.to_owned());
    if ty.facts.joined {
        fact("Changes:", "those that are ready at the same time go out as one call".to_owned());
    }
    if !ty.facts.import.is_empty() {
        fact("Import by:", ty.facts.import.to_owned());
    }
    let existing = match ty.facts.existing {
        Existing::Refused => "refused".to_owned(),
        Existing::RefusedUnless(input) => format!("refused, unless `{input}` is true"),
        Existing::LookedFor(_) | Existing::PutInPlace(_) => {
            "refused: drctl looks first, because the cloud would take it over".to_owned()
        }
        Existing::Set => "set to what the program says".to_owned(),
    };
    fact("Existing:", existing);
    let takes = ty.facts.takes;
    let times = [("create", takes.create), ("update", takes.update), ("delete", takes.delete)];
    let times: Vec<String> = times
        .into_iter()
        .filter(|(_, seconds)| *seconds > 0)
        .map(|(word, seconds)| format!("{word} about {}", duration(u64::from(seconds) * 1000)))
        .collect();
    if !times.is_empty() {
        fact("Takes:", times.join(", "));
    }
    write_object(&mut text, "Inputs", &ty.inputs);
    write_object(&mut text, "Outputs", &given(&ty.outputs));
    text
}

fn of_function(function: &FunctionSchema) -> String {
    let mut text = format!("{}\n\n{}\n", function.token, function.description);
    if function.volatile {
        text.push_str("Every call gives another result.\n");
    }
    write_object(&mut text, "Arguments", &function.arguments);
    write_object(&mut text, "Result", &given(&function.result));
    text
}

/// What the cloud gives: nobody is required to.
fn given(object: &Object) -> Object {
    let properties = object.properties.iter().map(|p| Property { required: false, ..p.clone() });
    Object { properties: properties.collect(), ..Object::default() }
}

fn write_object(text: &mut String, title: &str, object: &Object) {
    if object.properties.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    let mut properties: Vec<&Property> = object.properties.iter().collect();
    properties.sort_by(|a, b| b.required.cmp(&a.required).then(a.name.cmp(&b.name)));
    for property in properties {
        let facts = facts(property);
        let facts = if facts.is_empty() { String::new() } else { format!("  ({})", facts.join("; ")) };
        let _ = writeln!(text, "  {}: {}{facts}", property.name, property.shape.noun());
        if !property.description.is_empty() {
            let _ = writeln!(text, "      {}", summary(&property.description));
        }
    }
    for group in &object.groups {
        let _ = writeln!(text, "  {}", rule(group));
    }
}

/// A property by its path: `serverlessv2ScalingConfiguration.minCapacity`. Lists and maps are looked
/// through. None for an empty path.
fn property<'a>(objects: &[&'a Object], token: &str, path: &str) -> Result<Option<&'a Property>> {
    let mut candidates: Vec<&Object> = objects.to_vec();
    let mut found: Option<&Property> = None;
    let mut owner = token.to_owned();
    for name in path.split('.').filter(|_| !path.is_empty()) {
        let next = candidates.iter().find_map(|o| o.get(name));
        let Some(property) = next else {
            let names = candidates.iter().flat_map(|o| &o.properties).map(|p| p.name.as_str());
            let reason = candidates.iter().find_map(|o| o.why_left_out(name));
            let help = match (reason, nearest(name, names)) {
                (Some(reason), _) => reason.to_owned(),
                (None, Some(near)) => format!("did you mean `{near}`?"),
                (None, None) => format!("`drctl explain {owner}` tells what there is"),
            };
            return Err(Failure::new(Exit::Configuration, format!("`{owner}` has no property `{name}`"), help));
        };
        found = Some(property);
        owner = format!("{owner}.{name}");
        candidates = inner(&property.shape).into_iter().collect();
    }
    Ok(found)
}

fn of_property(objects: &[&Object], token: &str, path: &str) -> Result<String> {
    let Some(property) = property(objects, token, path)? else { return Ok(String::new()) };
    let mut text = format!("{token}.{path}: {}\n\n{}\n", property.shape.noun(), property.description);
    let facts = facts(property);
    if !facts.is_empty() {
        text.push('\n');
    }
    for fact in facts {
        let _ = writeln!(text, "  * {fact}");
    }
    if let Some(object) = inner(&property.shape) {
        write_object(&mut text, "Fields", object);
    }
    Ok(text)
}

fn inner(shape: &Shape) -> Option<&Object> {
    match shape {
        Shape::Object(object) => Some(object),
        Shape::List { item, .. } | Shape::Map(item) => inner(&item.shape),
        _ => None,
    }
}

/// What a property's rules mean for whoever writes a stack.
fn facts(property: &Property) -> Vec<String> {
    let Property { bounds, .. } = property;
    let [required, others @ ..] = switches(property).map(|(_, holds, fact)| holds.then(|| fact.to_owned()));
    let range = |min: Option<String>, max: Option<String>, what: &str| match (min, max) {
        (Some(min), Some(max)) => Some(format!("from {min} to {max}{what}")),
        (Some(min), None) => Some(format!("at least {min}{what}")),
        (None, Some(max)) => Some(format!("at most {max}{what}")),
        (None, None) => None,
    };
    let lengths = match property.shape {
        Shape::List { .. } => " items",
        _ => " characters",
    };
    let first = [
        required,
        property.default.as_ref().map(|d| format!("default {d}")),
        property.auto_name.map(|most| format!("named automatically if left out, at most {}", count(most, "character"))),
    ];
    let last = [
        (!bounds.values.is_empty()).then(|| format!("one of {}", bounds.values.join(", "))),
        range(bounds.min.map(|n| n.to_string()), bounds.max.map(|n| n.to_string()), ""),
        range(bounds.min_length.map(|n| n.to_string()), bounds.max_length.map(|n| n.to_string()), lengths),
        bounds.form.clone().or_else(|| bounds.pattern.as_ref().map(|p| format!("matches `{p}`"))),
        property.refers.as_ref().map(|(ty, name)| format!("usually `{name}` of {}", short(ty))),
        (!property.also.is_empty())
            .then(|| format!("also {}", property.also.iter().map(|o| other(o)).collect::<Vec<_>>().join(", "))),
    ];
    first.into_iter().chain(others).chain(last).flatten().collect()
}

/// What an input takes beside what is usual, as the text says it.
fn other(taken: &str) -> String {
    match taken.rsplit_once('.').filter(|(token, _)| token.contains(':')) {
        Some((token, name)) => format!("`{name}` of {}", short(token)),
        None => format!("what begins with `{taken}`"),
    }
}

fn rule(group: &Group) -> String {
    match group {
        Group::Exclusive(names) => format!("At most one of {} may be given.", names.join(", ")),
        Group::ExactlyOne(names) => format!("Exactly one of {} must be given.", names.join(", ")),
        Group::AtLeastOne(names) => format!("At least one of {} must be given.", names.join(", ")),
        Group::Needs(names) => match names.split_first() {
            Some((first, others)) => format!("{first} needs {}.", others.join(", ")),
            None => String::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::catalog;

    fn help(subject: &str) -> String {
        match explain(&catalog(), subject) {
            Err(Failure::Error(Exit::Configuration, error)) => error.hint.unwrap_or_default(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_type_is_explained_with_its_inputs_outputs_and_rules() {
        insta::assert_snapshot!(explain(&catalog(), "aws:ec2:Vpc").unwrap());
    }

    #[test]
    fn a_global_type_says_which_region_it_needs_and_what_goes_out_together() {
        let record = explain(crate::aws::catalog(), "aws:route53:Record").unwrap();
        let head: Vec<&str> = record.lines().filter(|l| l.starts_with("Lives:") || l.starts_with("Changes:")).collect();
        assert_eq!(
            head,
            [
                "Lives:      once for all regions; changed in one of them, us-east-1 on AWS, and not while that one is lost",
                "Changes:    those that are ready at the same time go out as one call",
            ]
        );
    }

    #[test]
    fn a_rule_is_explained_with_what_happens_otherwise() {
        insta::assert_snapshot!(explain(&catalog(), "burstable-class").unwrap(), @r"
        burstable-class

        No instance of a global database is of a burstable class.
        RDS refuses `db.t` classes in a global database, once the clusters are there.
        ");
    }

    #[test]
    fn functions_of_the_language_and_options_of_resources_are_explained() {
        let join = "fn::join: [delimiter, [text, …]]\n\nOne text of several, with the delimiter between them.\n";
        assert_eq!(explain(&catalog(), "fn::join").unwrap(), join);
        assert_eq!(explain(&catalog(), "Fn::Join").unwrap(), join);
        assert_eq!(explain(&catalog(), "join").unwrap(), join);
        let protect = explain(&catalog(), "protect").unwrap();
        assert_eq!(protect, "protect, an option of a resource\n\nRefuse to delete or replace it.\n");
        insta::assert_snapshot!(language());
        insta::assert_snapshot!(options());
    }

    #[test]
    fn programs_get_schemas_of_functions_and_properties_as_well() {
        let of = |subject: &str| as_json(&catalog(), subject).unwrap();
        assert!(of("aws:ec2:Vpc")["properties"]["cidrBlock"].is_object());
        assert_eq!(of("aws:ec2:Vpc.enableDnsSupport")["default"], true);
        assert!(of("aws:getAvailabilityZones")["result"]["properties"]["names"].is_object());
        assert_eq!(of("fn::join")["takes"], "[delimiter, [text, …]]");
        assert_eq!(of("burstable-class")["name"], "burstable-class");
        assert!(as_json(&catalog(), "aws:ec2:Vpc.nothing").is_err());
    }

    #[test]
    fn a_program_gets_what_the_text_says_of_a_property() {
        let catalog = crate::aws::catalog();
        let of = |subject: &str| as_json(catalog, subject).unwrap();
        let password = of("aws:rds:Cluster.masterPassword");
        assert_eq!((&password["x-secret"], &password["writeOnly"]), (&true.into(), &true.into()));
        let vpc = of("aws:ec2:Subnet.vpcId");
        assert_eq!((&vpc["x-required"], &vpc["x-replace"]), (&true.into(), &true.into()));
        assert_eq!(vpc["x-refers"], "aws:ec2/vpc:Vpc.id");
        let text = explain(catalog, "aws:ec2:FlowLog.logDestination").unwrap();
        assert!(text.contains("also `arn` of aws:s3:Bucket, `arn` of aws:kinesis:FirehoseDeliveryStream"), "{text}");
        assert_eq!(of("aws:ec2:FlowLog.logDestination")["x-also"][0], "aws:s3/bucket:Bucket.arn");
        assert_eq!(of("aws:ec2:Subnet")["properties"]["vpcId"], vpc);
        let scaling = of("aws:rds:Cluster")["properties"]["serverlessv2ScalingConfiguration"].clone();
        assert_eq!(scaling["anyOf"][0]["properties"]["minCapacity"]["x-required"], true);
        // Nothing that a text tells is missing.
        for ty in catalog.types() {
            for property in &ty.inputs.properties {
                let json = property_as_json(property);
                let told = switches(property).iter().filter(|(name, holds, _)| *holds && json[*name] == true).count();
                assert_eq!(told, switches(property).iter().filter(|(_, holds, _)| *holds).count());
                assert_eq!(json["default"].is_null(), property.default.is_none(), "{}.{}", ty.token, property.name);
            }
        }
    }

    #[test]
    fn a_property_is_explained_at_any_depth() {
        insta::assert_snapshot!(
            explain(&catalog(), "aws:rds:Cluster.serverlessv2ScalingConfiguration.minCapacity").unwrap(),
            @r"
        aws:rds:Cluster.serverlessv2ScalingConfiguration.minCapacity: number

        Lowest capacity, in ACUs.

          * required
        "
        );
    }

    #[test]
    fn a_wrong_name_gets_the_nearest_one() {
        assert_eq!(help("aws:ec2:Vpcs"), "did you mean `aws:ec2:Vpc`?");
        assert_eq!(help("aws:vpc"), "did you mean `aws:ec2:Vpc`?");
        assert_eq!(help("aws:ec2:Vpc.cidrBlok"), "did you mean `cidrBlock`?");
        assert_eq!(help("quantum"), "`drctl explain` lists all that it knows");
        assert_eq!(help("fn::jion"), "did you mean `fn::join`?");
        assert_eq!(help("protcet"), "did you mean `protect`?");
        assert_eq!(help("burstable-clas"), "did you mean `burstable-class`?");
    }

    #[test]
    fn a_property_that_is_left_out_gets_the_reason() {
        let Err(Failure::Error(_, error)) = explain(crate::aws::catalog(), "aws:s3:Bucket.versioning") else {
            panic!()
        };
        assert_eq!(error.message, "`aws:s3:Bucket` has no property `versioning`");
        assert_eq!(error.hint.as_deref(), Some("use `aws:s3:BucketVersioning`"));
    }

    #[test]
    fn a_wrong_name_inside_a_property_is_said_of_that_property() {
        let inside = "aws:rds:Cluster.serverlessv2ScalingConfiguration";
        let wrong = |name: &str| match explain(&catalog(), &format!("{inside}.{name}")) {
            Err(Failure::Error(_, error)) => (error.message, error.hint.unwrap_or_default()),
            other => panic!("{other:?}"),
        };
        let (message, help) = wrong("minCapacty");
        assert_eq!(message, format!("`{inside}` has no property `minCapacty`"));
        assert_eq!(help, "did you mean `minCapacity`?");
        assert_eq!(wrong("colour").1, format!("`drctl explain {inside}` tells what there is"));
    }

    #[test]
    fn without_a_subject_everything_is_listed() {
        insta::assert_snapshot!(everything(&catalog()), @r"
        NAME                      KIND      WHAT IT IS
        aws:ec2:Vpc               type      A private network in one region.
        aws:getAvailabilityZones  function  Lists the availability zones of a region.
        aws:iam:Role              type      A role that services and people can take on.
        aws:rds:Cluster           type      An Aurora cluster.
        ");
    }
}
