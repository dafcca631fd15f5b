//! Whose credentials a run uses. It uses one set, which the config or the providers name.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::diagnostic::Diagnostic;
use crate::engine::duration::duration;
use crate::engine::program::Known;
use crate::engine::value::{Map, Value};
use crate::stack::answers::NoAnswers;
use crate::stack::body::Type;
use crate::stack::check::no_such;
use crate::stack::eval::Run;
use crate::stack::functions::scalar_text;
use crate::stack::instance::World;

/// What AWS is reached with. The default is what the environment names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Profile of the AWS configuration files.
    pub profile: Option<String>,
    /// Roles to take on, each with the credentials of the one before.
    pub roles: Vec<Role>,
}

/// A role to take on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    pub arn: String,
    pub session_name: Option<String>,
    pub external_id: Option<String>,
    /// A policy document that narrows what the role may do.
    pub policy: Option<String>,
    pub policy_arns: Vec<String>,
    /// From 15 minutes to 12 hours.
    pub session: Option<Duration>,
    pub tags: BTreeMap<String, String>,
}

/// Inputs of a provider that say whose credentials it uses.
pub(crate) const INPUTS: [&str; 3] = ["profile", "assumeRole", "assumeRoles"];

const ROLE: [&str; 8] =
    ["roleArn", "sessionName", "externalId", "policy", "policyArns", "duration", "durationSeconds", "tags"];

/// The one set that all resources use. Providers that say nothing use that of the config.
pub(crate) fn of(world: &World, given: &Map, problems: &mut Vec<Diagnostic>) -> Credentials {
    let config =
        INPUTS.iter().filter_map(|name| Some(((*name).to_owned(), given.get(&format!("aws:{name}"))?.clone())));
    let default = match read(&config.collect()) {
        Ok(credentials) => credentials,
        Err(problem) => {
            problems.push(problem);
            return Credentials::default();
        }
    };
    let providers = (0..world.nodes.len()).filter(|index| world.nodes[*index].block.ty == Type::Provider);
    problems.extend(providers.filter_map(|index| of_provider(world, index).err()));
    let mut chosen: Option<(Credentials, Option<usize>)> = None;
    let mut looked_at = std::collections::HashSet::new();
    for node in world.nodes.iter().filter(|node| world.schema(node).is_some()) {
        if !looked_at.insert(node.provider) {
            continue;
        }
        let own = node.provider.map_or(Ok(None), |index| of_provider(world, index));
        let credentials = match own {
            Ok(own) => own.unwrap_or_else(|| default.clone()),
            // Reported above.
            Err(_) => continue,
        };
        match &chosen {
            None => chosen = Some((credentials, node.provider)),
            Some((first, _)) if *first == credentials => {}
            Some((_, first)) => {
                let name = |provider: Option<usize>| match provider {
                    Some(index) => format!("provider `{}`", world.nodes[index].block.key),
                    None => "the default provider".to_owned(),
                };
                let at = node.provider.or(*first).map_or(&node.block.at, |index| &world.nodes[index].block.at);
                let text = format!("{} and {} have different credentials", name(*first), name(node.provider));
                let help = "a run uses one set: put what belongs to other credentials into a stack of its own";
                problems.push(Diagnostic::error("provider-credentials", text).at(at.clone()).help(help));
            }
        }
    }
    chosen.map_or(default, |(credentials, _)| credentials)
}

/// What a provider says of credentials, `None` if nothing.
fn of_provider(world: &World, index: usize) -> Result<Option<Credentials>, Diagnostic> {
    let node = &world.nodes[index];
    let known = Known::new();
    let mut run = Run::new(world, &known, &NoAnswers);
    // Mistakes in the properties are reported when the provider itself is checked.
    let Some(Value::Map(properties)) = run.eval(&node.block.properties, node.frame) else { return Ok(None) };
    if !INPUTS.iter().any(|name| properties.contains_key(*name)) {
        return Ok(None);
    }
    read(&properties).map(Some).map_err(|problem| problem.at(node.block.properties.at.clone()).of(&node.urn))
}

fn read(properties: &Map) -> Result<Credentials, Diagnostic> {
    let profile = match properties.get("profile") {
        None | Some(Value::Null) => None,
        Some(value) => Some(text("profile", value)?),
    };
    let one = properties.get("assumeRole").filter(|v| !v.is_null());
    let several = properties.get("assumeRoles").filter(|v| !v.is_null());
    let roles = match (one, several) {
        (Some(_), Some(_)) => return Err(wrong("`assumeRole` and `assumeRoles` exclude each other")),
        (Some(one), None) => vec![role("assumeRole", &opened(one))?],
        (None, Some(several)) => match opened(several) {
            Value::List(items) => items.iter().map(|item| role("assumeRoles", item)).collect::<Result<_, _>>()?,
            Value::Unknown => return Err(late("assumeRoles")),
            _ => return Err(wrong("`assumeRoles` must be a list")),
        },
        (None, None) => Vec::new(),
    };
    Ok(Credentials { profile, roles })
}

/// Config of the command line and of older stack files is JSON in a text.
pub(crate) fn opened(value: &Value) -> Value {
    let json = value.bare().as_str().and_then(|text| serde_json::from_str(text).ok());
    json.map_or_else(|| value.bare().clone(), Value::from_json)
}

fn role(what: &str, value: &Value) -> Result<Role, Diagnostic> {
    let Value::Map(map) = value.bare() else {
        return Err(if value.has_unknown() { late(what) } else { wrong(&format!("`{what}` must hold a map")) });
    };
    if let Some(other) = map.keys().find(|key| !ROLE.contains(&key.as_str())) {
        return Err(no_such(&format!("`{what}` has no supported key"), other, &ROLE));
    }
    let get = |name: &str| map.get(name).filter(|v| !v.is_null());
    let scalar = |name: &str| get(name).map(|value| text(name, value)).transpose();
    let Some(arn) = scalar("roleArn")? else { return Err(wrong(&format!("`{what}` needs the key `roleArn`"))) };
    let session = match (scalar("duration")?, scalar("durationSeconds")?) {
        (Some(text), _) => Some(duration(&text).ok_or_else(|| wrong("`duration` is no duration such as `1h`"))?),
        (None, Some(text)) => {
            let seconds = text.parse().map_err(|_| wrong("`durationSeconds` must be a whole number"))?;
            Some(Duration::from_secs(seconds))
        }
        (None, None) => None,
    };
    let policy_arns = match get("policyArns").map(Value::bare) {
        None => Vec::new(),
        Some(Value::List(items)) => items.iter().map(|item| text("policyArns", item)).collect::<Result<_, _>>()?,
        Some(_) => return Err(wrong("`policyArns` must be a list")),
    };
    let tags = match get("tags").map(Value::bare) {
        None => BTreeMap::new(),
        Some(Value::Map(tags)) => {
            tags.iter().map(|(key, value)| Ok((key.clone(), text("tags", value)?))).collect::<Result<_, _>>()?
        }
        Some(_) => return Err(wrong("`tags` must be a map")),
    };
    let (session_name, external_id, policy) = (scalar("sessionName")?, scalar("externalId")?, scalar("policy")?);
    Ok(Role { arn, session_name, external_id, policy, policy_arns, session, tags })
}

fn text(name: &str, value: &Value) -> Result<String, Diagnostic> {
    match scalar_text(value) {
        Some(text) => Ok(text),
        None if value.has_unknown() => Err(late(name)),
        None => Err(wrong(&format!("`{name}` must be a string"))),
    }
}

fn wrong(message: &str) -> Diagnostic {
    Diagnostic::error("provider-credentials", message)
}

fn late(name: &str) -> Diagnostic {
    wrong(&format!("`{name}` of a provider must be known before anything exists"))
        .help("make the role in a stack of its own, and name it here by its ARN")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::testing::Desk;

    fn program(providers: &str, resources: &str) -> Desk {
        Desk::of(&format!("resources:\n{providers}{resources}"))
    }

    const VPC: &str = "  v: {type: aws:ec2:Vpc, options: {provider: \"${p}\"}}\n";

    #[test]
    fn the_roles_of_a_provider_are_those_of_the_run() {
        let desk = program(
            "  p: {type: pulumi:providers:aws, properties: {profile: work, assumeRoles: [{roleArn: 'arn:a'}, {roleArn: 'arn:b', sessionName: s, externalId: x, duration: 1h, tags: {Team: a}}]}}\n",
            VPC,
        );
        let credentials = desk.good().credentials;
        assert_eq!(credentials.profile.as_deref(), Some("work"));
        let arns: Vec<&str> = credentials.roles.iter().map(|r| r.arn.as_str()).collect();
        assert_eq!(arns, ["arn:a", "arn:b"]);
        assert_eq!(credentials.roles[1].session, Some(Duration::from_secs(3600)));
        assert_eq!(credentials.roles[1].tags["Team"], "a");
    }

    #[test]
    fn the_config_speaks_for_providers_that_say_nothing() {
        let desk = program("  p: {type: pulumi:providers:aws}\n", VPC)
            .config("aws:profile", "work")
            .config("aws:assumeRole", r#"{"roleArn": "arn:a"}"#);
        let credentials = desk.good().credentials;
        assert_eq!((credentials.profile.as_deref(), credentials.roles.len()), (Some("work"), 1));
    }

    #[test]
    fn two_sets_of_credentials_are_refused_unless_nothing_uses_one() {
        let two = "  p: {type: pulumi:providers:aws, properties: {profile: a}}\n";
        let wrong =
            program(two, "  v: {type: aws:ec2:Vpc, options: {provider: \"${p}\"}}\n  w: {type: aws:ec2:Vpc}\n").wrong();
        assert!(wrong.contains("provider `p` and the default provider have different credentials"), "{wrong}");
        assert!(program(two, "  w: {type: aws:ec2:Vpc}\n").good().credentials.profile.is_none());
    }

    #[test]
    fn a_role_that_is_made_here_or_said_wrong_is_refused() {
        let wrong = |role: &str| {
            program(&format!("  r: {{type: aws:iam:Role, properties: {{assumeRolePolicy: {{}}}}}}\n  p: {{type: pulumi:providers:aws, properties: {{assumeRole: {role}}}}}\n"), VPC).wrong()
        };
        assert!(wrong("{roleArn: \"${r.arn}\"}").contains("must be known before anything exists"));
        assert!(wrong("{roleARN: x}").contains("did you mean `roleArn`"));
        assert!(wrong("{sessionName: x}").contains("needs the key `roleArn`"));
        assert!(wrong("text").contains("must hold a map"));
    }
}
