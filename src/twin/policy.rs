//! `getPolicyDocument`: a policy of IAM, put together from statements.

use serde_json::{Map as JsonMap, Value as Json, json};

use crate::engine::error::{Error, Result};
use crate::engine::value::Value;
use crate::twin::functions::one_or_more;

/// The document that the arguments describe. Statements of source documents come first; those of
/// override documents replace statements of the same `Sid`.
///
/// # Errors
/// If a value is not known yet, or a source is no policy.
pub(super) fn document(arguments: &Value) -> Result<Value> {
    let arguments = arguments.to_json().map_err(|e| Error::bug(e.to_string()))?;
    let mut statements = Vec::new();
    for source in sources(&arguments, "sourceJson", "sourcePolicyDocuments") {
        statements.extend(parsed(source)?);
    }
    for statement in list(&arguments, "statements") {
        add(&mut statements, built(statement));
    }
    for source in sources(&arguments, "overrideJson", "overridePolicyDocuments") {
        for statement in parsed(source)? {
            add(&mut statements, statement);
        }
    }
    let mut policy = JsonMap::new();
    policy.insert("Version".to_owned(), arguments.get("version").cloned().unwrap_or_else(|| json!("2012-10-17")));
    if let Some(id) = arguments.get("policyId").filter(|id| !id.is_null()) {
        policy.insert("Id".to_owned(), id.clone());
    }
    policy.insert("Statement".to_owned(), Json::Array(statements));
    let policy = Json::Object(policy);
    let (minified, pretty) = (policy.to_string(), format!("{policy:#}"));
    Ok(Value::from_json(json!({ "id": minified, "json": pretty, "minifiedJson": minified })))
}

fn list<'a>(of: &'a Json, name: &str) -> impl Iterator<Item = &'a Json> {
    of.get(name).and_then(Json::as_array).into_iter().flatten()
}

fn sources<'a>(arguments: &'a Json, one: &str, many: &str) -> Vec<&'a str> {
    arguments.get(one).into_iter().chain(list(arguments, many)).filter_map(Json::as_str).collect()
}

fn parsed(text: &str) -> Result<Vec<Json>> {
    let policy: Json =
        serde_json::from_str(text).map_err(|e| Error::invalid(format!("a source document is no JSON: {e}")))?;
    Ok(match policy.get("Statement") {
        Some(Json::Array(statements)) => statements.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    })
}

fn add(statements: &mut Vec<Json>, new: Json) {
    let sid = new.get("Sid").and_then(Json::as_str).filter(|sid| !sid.is_empty());
    let same = |old: &Json| sid.is_some() && old.get("Sid").and_then(Json::as_str) == sid;
    match statements.iter().position(same) {
        Some(at) => statements[at] = new,
        None => statements.push(new),
    }
}

fn built(given: &Json) -> Json {
    let mut out = JsonMap::new();
    if let Some(sid) = given.get("sid").and_then(Json::as_str).filter(|sid| !sid.is_empty()) {
        out.insert("Sid".to_owned(), sid.into());
    }
    let effect = given.get("effect").and_then(Json::as_str).unwrap_or("Allow");
    out.insert("Effect".to_owned(), effect.into());
    for (input, key) in
        [("actions", "Action"), ("notActions", "NotAction"), ("resources", "Resource"), ("notResources", "NotResource")]
    {
        let items: Vec<Json> = list(given, input).cloned().collect();
        if !items.is_empty() {
            out.insert(key.to_owned(), one_or_more(items));
        }
    }
    for (input, key) in [("principals", "Principal"), ("notPrincipals", "NotPrincipal")] {
        if let Some(principals) = principals(list(given, input)) {
            out.insert(key.to_owned(), principals);
        }
    }
    let mut conditions = JsonMap::new();
    for condition in list(given, "conditions") {
        let text = |name: &str| condition.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let test = conditions.entry(text("test")).or_insert_with(|| json!({}));
        test[text("variable")] = one_or_more(list(condition, "values").cloned().collect());
    }
    if !conditions.is_empty() {
        out.insert("Condition".to_owned(), Json::Object(conditions));
    }
    Json::Object(out)
}

/// `"*"` for everybody, else identifiers by type.
fn principals<'a>(given: impl Iterator<Item = &'a Json>) -> Option<Json> {
    let mut by_type: JsonMap<String, Json> = JsonMap::new();
    for principal in given {
        let kind = principal.get("type").and_then(Json::as_str).unwrap_or("AWS");
        let identifiers = list(principal, "identifiers").cloned();
        if kind == "*" {
            return Some(json!("*"));
        }
        match by_type.entry(kind.to_owned()).or_insert_with(|| json!([])) {
            Json::Array(known) => known.extend(identifiers),
            _ => continue,
        }
    }
    let flat = |(kind, items): (String, Json)| match items {
        Json::Array(items) => (kind, one_or_more(items)),
        other => (kind, other),
    };
    (!by_type.is_empty()).then(|| Json::Object(by_type.into_iter().map(flat).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minified(arguments: Json) -> String {
        document(&Value::from_json(arguments)).unwrap().get("minifiedJson").unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn a_statement_becomes_iam_json_with_single_items_unwrapped() {
        let text = minified(json!({ "statements": [{
            "actions": ["sts:AssumeRole"],
            "principals": [{ "type": "Service", "identifiers": ["lambda.amazonaws.com", "edgelambda.amazonaws.com"] }],
            "conditions": [{ "test": "StringEquals", "variable": "aws:RequestedRegion", "values": ["us-east-1"] }],
        }]}));
        assert_eq!(
            text,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":["lambda.amazonaws.com","edgelambda.amazonaws.com"]},"Condition":{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}}]}"#
        );
    }

    #[test]
    fn an_override_replaces_the_statement_of_its_sid() {
        let policy = |action: &str| format!(r#"{{"Statement":{{"Sid":"a","Effect":"Allow","Action":"{action}"}}}}"#);
        let text = minified(json!({
            "sourcePolicyDocuments": [policy("s3:Get")], "overridePolicyDocuments": [policy("s3:Put")],
        }));
        assert!(text.contains("s3:Put") && !text.contains("s3:Get"));
    }
}
