use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "reserved-variable",
    summary: "No function sets an environment variable that Lambda sets itself.",
    why: "Lambda refuses the function when its role and network are there already.",
    find,
};

/// From the Lambda developer guide. `AWS_XRAY_…`, `LANG`, `PATH` and the like may be set.
const RESERVED: [&str; 16] = [
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "_HANDLER",
];

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let functions = scene.of("aws:lambda/function:Function");
    let variables = functions.flat_map(|function| function.field("environment").field("variables").entries());
    let reserved = variables.filter(|variable| RESERVED.contains(&variable.name));
    let found = reserved.map(|variable| {
        let message = format!("Lambda sets `{}` by itself and lets nobody else", variable.name);
        variable.wrong(message).help("choose another name")
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn variables_of_lambda_cannot_be_set() {
        let program = "
  role: {type: aws:iam:Role, properties: {assumeRolePolicy: {}}}
  one:
    type: aws:lambda:Function
    properties:
      role: ${role.arn}
      handler: a.b
      runtime: python3.12
      code: {'fn::assetArchive': {a.py: {'fn::stringAsset': ''}}}
      environment: {variables: {AWS_REGION: here, TARGET_REGION: there}}
";
        assert_eq!(found(&RULE, program), ["here | Lambda sets `AWS_REGION` by itself and lets nobody else"]);
    }
}
