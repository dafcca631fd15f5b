use super::Rule;
use super::scene::{Field, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "reserved-path",
    summary: "No REST API has a resource `/ping` or `/sping`.",
    why: "API Gateway keeps them for its own health checks: requests never reach the integration.",
    find,
};

const RESERVED: [&str; 2] = ["ping", "sping"];

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    scene.of("aws:apigateway/resource:Resource").filter_map(|resource| refused(resource.field("pathPart"))).collect()
}

/// Only directly below the root is a path reserved.
fn refused(part: Field<'_>) -> Option<Diagnostic> {
    let path = part.text().filter(|path| RESERVED.contains(path))?;
    let (_, property) = part.owner.field("parentId").link()?;
    (property == "rootResourceId").then(|| {
        part.wrong(format!("API Gateway answers `/{path}` by itself")).help("call it `/health`, for example")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn a_path_of_the_gateway_is_not_taken() {
        let program = "
  api: {type: aws:apigateway:RestApi}
  wrong: {type: aws:apigateway:Resource, properties: {restApi: '${api.id}', parentId: '${api.rootResourceId}', pathPart: ping}}
  right: {type: aws:apigateway:Resource, properties: {restApi: '${api.id}', parentId: '${api.rootResourceId}', pathPart: health}}
  inner: {type: aws:apigateway:Resource, properties: {restApi: '${api.id}', parentId: '${right.id}', pathPart: ping}}
";
        assert_eq!(found(&RULE, program), ["ping | API Gateway answers `/ping` by itself"]);
    }
}
