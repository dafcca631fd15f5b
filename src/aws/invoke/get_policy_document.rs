use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::Function;
use crate::aws::Cx;
use crate::engine::error::{Error, Result};
use crate::engine::rules::one_of;

/// A policy document put together from statements. Makes no call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetPolicyDocument {
    /// Documents whose statements replace those of the same `sid`.
    #[serde(default)]
    override_policy_documents: Vec<String>,
    /// Id of the document.
    policy_id: Option<String>,
    /// Documents whose statements come first.
    #[serde(default)]
    source_policy_documents: Vec<String>,
    /// Statements of the document.
    #[serde(default)]
    statements: Vec<Statement>,
    /// Version of the language of policies.
    #[schemars(transform = one_of(&["2008-10-17", "2012-10-17"]))]
    #[serde(default = "latest")]
    version: String,
}

fn latest() -> String {
    "2012-10-17".to_owned()
}

/// What is allowed or denied, to whom and under which conditions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Statement {
    /// Actions that the statement is about.
    #[serde(default)]
    actions: Vec<String>,
    /// Conditions that all must hold.
    #[serde(default)]
    conditions: Vec<Condition>,
    /// Whether the statement allows or denies.
    #[schemars(transform = one_of(&["Allow", "Deny"]))]
    #[serde(default = "allow")]
    effect: String,
    /// Actions that the statement is not about.
    #[serde(default)]
    not_actions: Vec<String>,
    /// Identities that the statement is not about.
    #[serde(default)]
    not_principals: Vec<Principal>,
    /// Resources that the statement is not about.
    #[serde(default)]
    not_resources: Vec<String>,
    /// Identities that the statement is about.
    #[serde(default)]
    principals: Vec<Principal>,
    /// Resources that the statement is about.
    #[serde(default)]
    resources: Vec<String>,
    /// Name of the statement, unique in the document.
    sid: Option<String>,
}

fn allow() -> String {
    "Allow".to_owned()
}

/// A condition of a statement.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Condition {
    /// Operator, for example `StringEquals`.
    test: String,
    /// Values of which one must match.
    values: Vec<String>,
    /// Key that is compared, for example `aws:SourceArn`.
    variable: String,
}

/// Identities of one kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Principal {
    /// ARNs, service names or `*`.
    identifiers: Vec<String>,
    /// Kind of the identities.
    #[schemars(transform = one_of(&["AWS", "Service", "Federated", "CanonicalUser", "*"]))]
    r#type: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    /// Hash of the document.
    id: String,
    /// The document as JSON, with line breaks.
    json: String,
    /// The document as JSON, in one line.
    minified_json: String,
}

impl Function for GetPolicyDocument {
    const TOKEN: &'static str = "aws:iam/getPolicyDocument:getPolicyDocument";
    const PERMISSIONS: &'static [&'static str] = &[];
    const REGIONAL: bool = false;
    type Answer = Answer;

    async fn call(self, _: &Cx) -> Result<Answer> {
        let document = self.document()?;
        let minified_json = document.to_string();
        let json = serde_json::to_string_pretty(&document).map_err(|e| Error::bug(e.to_string()))?;
        let id = hex::encode(Sha256::digest(&minified_json)).chars().take(16).collect();
        Ok(Answer { id, json, minified_json })
    }
}

impl GetPolicyDocument {
    fn document(self) -> Result<Json> {
        let mut statements = Vec::new();
        for source in &self.source_policy_documents {
            statements.extend(statements_of(source)?);
        }
        for statement in self.statements.into_iter().map(Statement::json) {
            put(&mut statements, statement);
        }
        for source in &self.override_policy_documents {
            for statement in statements_of(source)? {
                put(&mut statements, statement);
            }
        }
        let mut document = Map::default();
        document.insert("Version".into(), self.version.into());
        if let Some(id) = self.policy_id {
            document.insert("Id".into(), id.into());
        }
        document.insert("Statement".into(), Json::Array(statements));
        Ok(Json::Object(document))
    }
}

/// Takes the place of the statement of the same name, or comes last.
fn put(statements: &mut Vec<Json>, new: Json) {
    let same = statements.iter_mut().find(|old| new.get("Sid").is_some() && old.get("Sid") == new.get("Sid"));
    match same {
        Some(old) => *old = new,
        None => statements.push(new),
    }
}

fn statements_of(document: &str) -> Result<Vec<Json>> {
    let mut document: Json =
        serde_json::from_str(document).map_err(|e| Error::invalid(format!("a policy document is no JSON: {e}")))?;
    Ok(match document.get_mut("Statement").map(Json::take) {
        Some(Json::Array(statements)) => statements,
        Some(one) => vec![one],
        None => Vec::new(),
    })
}

impl Statement {
    fn json(self) -> Json {
        let mut json = Map::default();
        let mut set = |key: &str, value: Option<Json>| {
            if let Some(value) = value {
                json.insert(key.to_owned(), value);
            }
        };
        set("Sid", self.sid.map(Json::from));
        set("Effect", Some(self.effect.into()));
        set("Action", list(self.actions));
        set("NotAction", list(self.not_actions));
        set("Resource", list(self.resources));
        set("NotResource", list(self.not_resources));
        set("Principal", principals(self.principals));
        set("NotPrincipal", principals(self.not_principals));
        set("Condition", conditions(self.conditions));
        Json::Object(json)
    }
}

/// One item stands for itself. Variables of policies are written `&{aws:username}`, because `${…}`
/// belongs to the program.
fn list(items: Vec<String>) -> Option<Json> {
    let mut items: Vec<Json> = items.into_iter().map(|i| i.replace("&{", "${").into()).collect();
    match items.len() {
        0 => None,
        1 => items.pop(),
        _ => Some(Json::Array(items)),
    }
}

fn principals(principals: Vec<Principal>) -> Option<Json> {
    if principals.iter().any(|p| p.r#type == "*") {
        return Some("*".into());
    }
    let mut kinds: Map<String, Json> = Map::default();
    for Principal { identifiers, r#type } in principals {
        merge(&mut kinds, r#type, identifiers);
    }
    (!kinds.is_empty()).then_some(Json::Object(kinds))
}

fn conditions(conditions: Vec<Condition>) -> Option<Json> {
    let mut tests: Map<String, Json> = Map::default();
    for Condition { test, values, variable } in conditions {
        if let Json::Object(variables) = tests.entry(test).or_insert_with(|| json!({})) {
            merge(variables, variable, values);
        }
    }
    (!tests.is_empty()).then_some(Json::Object(tests))
}

/// Adds items to the list of a key.
fn merge(map: &mut Map<String, Json>, key: String, items: Vec<String>) {
    let had = match map.remove(&key) {
        Some(Json::Array(had)) => had,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let had = had.into_iter().filter_map(|i| i.as_str().map(str::to_owned));
    if let Some(all) = list(had.chain(items).collect()) {
        map.insert(key, all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(arguments: Json) -> Json {
        serde_json::from_value::<GetPolicyDocument>(arguments).unwrap().document().unwrap()
    }

    #[test]
    fn a_document_has_the_form_that_iam_expects() {
        let made = document(json!({ "statements": [{
            "actions": ["s3:GetObject"],
            "resources": ["arn:aws:s3:::b/&{aws:username}/*", "arn:aws:s3:::c/*"],
            "principals": [
                { "type": "AWS", "identifiers": ["1"] },
                { "type": "AWS", "identifiers": ["2"] },
                { "type": "Service", "identifiers": ["lambda.amazonaws.com"] },
            ],
            "conditions": [{ "test": "Bool", "variable": "aws:SecureTransport", "values": ["true"] }],
        }] }));
        assert_eq!(
            made,
            json!({ "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": ["arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::c/*"],
                "Principal": { "AWS": ["1", "2"], "Service": "lambda.amazonaws.com" },
                "Condition": { "Bool": { "aws:SecureTransport": "true" } },
            }] })
        );
    }

    #[test]
    fn an_override_replaces_the_statement_of_its_name() {
        let deny = r#"{"Statement":{"Sid":"a","Effect":"Deny"}}"#;
        let made = document(json!({
            "sourcePolicyDocuments": [r#"{"Statement":[{"Sid":"b","Effect":"Allow"}]}"#],
            "statements": [{ "sid": "a" }],
            "overridePolicyDocuments": [deny],
        }));
        let sids: Vec<_> = made["Statement"].as_array().unwrap().iter().map(|s| (&s["Sid"], &s["Effect"])).collect();
        assert_eq!(sids, [(&json!("b"), &json!("Allow")), (&json!("a"), &json!("Deny"))]);
    }

    #[test]
    fn everybody_is_a_star_and_no_map() {
        let made = document(json!({ "statements": [{ "principals": [{ "type": "*", "identifiers": ["*"] }] }] }));
        assert_eq!(made["Statement"][0]["Principal"], "*");
    }
}
