//! The `secrets:` block: what opens the secrets of the state.

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::key_provider::KeyProvider;
use crate::engine::value::Value;
use crate::stack::check::no_such;
use crate::stack::functions::scalar_text;

const KEYS: [&str; 1] = ["kms"];

/// `key-file`, `passphrase`, or a map with the keys of KMS, one a region.
pub(crate) fn read(value: &Value, at: &Location, problems: &mut Vec<Diagnostic>) -> Option<KeyProvider> {
    let wrong = |text: String| Diagnostic::error("secrets", text).at(at.clone());
    let found = match value.bare() {
        Value::String(text) => text.parse().map_err(wrong),
        Value::Map(map) => match (map.keys().find(|key| !KEYS.contains(&key.as_str())), map.get("kms")) {
            (Some(other), _) => Err(no_such("`secrets` has no key", other, &KEYS).at(at.clone())),
            (None, Some(keys)) => by_kms(keys).map_err(wrong),
            (None, None) => Err(wrong("`secrets` needs the key `kms`".to_owned())),
        },
        _ => Err(wrong("`secrets` must be `key-file`, `passphrase` or a map".to_owned())),
    };
    match found {
        Ok(provider) => Some(provider),
        Err(problem) => {
            let help = "for example `secrets: {kms: [arn:aws:kms:us-east-1:…:key/…, arn:aws:kms:eu-west-1:…:key/…]}`";
            problems.push(if problem.help.is_some() { problem } else { problem.help(help) });
            None
        }
    }
}

fn by_kms(keys: &Value) -> Result<KeyProvider, String> {
    let items = match keys.bare() {
        Value::List(items) => items.as_slice(),
        Value::String(_) => std::slice::from_ref(keys),
        _ => return Err("`kms` of `secrets` must be a list of ARNs".to_owned()),
    };
    let arns: Option<Vec<String>> = items.iter().map(scalar_text).collect();
    let arns = arns.ok_or("`kms` of `secrets` must be a list of ARNs")?;
    KeyProvider::kms(arns.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use crate::stack::testing::Desk;

    const US: &str = "arn:aws:kms:us-east-1:1:key/a";
    const EU: &str = "arn:aws:kms:eu-west-1:1:key/b";

    fn read(block: &str) -> String {
        let desk = Desk::of(&format!("config: {{account: \"1\"}}\nsecrets: {block}\n"));
        match desk.load() {
            Ok(loaded) => loaded.secrets.map(|s| s.to_string()).unwrap_or_default(),
            Err(problems) => crate::stack::testing::shown(&problems),
        }
    }

    #[test]
    fn each_way_to_open_secrets_is_read_and_may_use_the_config() {
        assert_eq!(read("passphrase"), "passphrase");
        assert_eq!(read("key-file"), "key-file");
        assert_eq!(read(&format!("{{kms: [{US}, {EU}]}}")), format!("kms={US},{EU}"));
        let by_config = "{kms: [\"arn:aws:kms:us-east-1:${account}:key/a\"]}";
        assert_eq!(read(by_config), format!("kms={US}"));
    }

    #[test]
    fn what_opens_nothing_is_told_with_its_place() {
        insta::assert_snapshot!(read("vault"), @r"
        stacks/test.yaml:2:10 error[secrets]: `vault` is none of `key-file`, `passphrase` and `kms=ARN,ARN`
          help: for example `secrets: {kms: [arn:aws:kms:us-east-1:…:key/…, arn:aws:kms:eu-west-1:…:key/…]}`
        ");
        assert!(read("{kmss: [a]}").contains("did you mean `kms`?"));
        assert!(read("{kms: [alias/a]}").contains("`alias/a` is no ARN of a KMS key"));
        assert!(read(&format!("{{kms: [{US}, {US}]}}")).contains("two keys are in us-east-1"));
        assert!(read("{kms: 5}").contains("must be a list of ARNs"));
        assert!(read("[a]").contains("must be `key-file`, `passphrase` or a map"));
    }
}
