use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "reserved-tag",
    summary: "No tag begins with `aws:`, and none with `drctl:`.",
    why: "AWS refuses tags with its prefix; drctl knows its own resources by tags with the other.",
    find,
};

const PREFIXES: [&str; 2] = ["aws:", "drctl:"];

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let tags = scene.all().flat_map(|item| item.field("tags").entries());
    let reserved = tags.filter_map(|tag| Some((tag, *PREFIXES.iter().find(|p| begins(tag.name, p))?)));
    let found = reserved.map(|(tag, prefix)| {
        let message = format!("the tag `{}` begins with `{prefix}`, which is reserved", tag.name);
        tag.wrong(message).help("choose another prefix")
    });
    found.collect()
}

fn begins(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn tags_of_aws_cannot_be_set() {
        let program = "
  a: {type: aws:s3:Bucket, properties: {tags: {'AWS:owner': me, awsome: yes}}}
  b: {type: aws:s3:Bucket, properties: {tags: {'drctl:owner': you}}}
";
        let expected = [
            "me | the tag `AWS:owner` begins with `aws:`, which is reserved",
            "you | the tag `drctl:owner` begins with `drctl:`, which is reserved",
        ];
        assert_eq!(found(&RULE, program), expected);
    }
}
