use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;
use crate::stack::reserved_tag;

pub(super) const RULE: Rule = Rule {
    code: "reserved-tag",
    summary: "No tag begins with `aws:`, and none with `drctl:`.",
    why: "AWS refuses tags with its prefix; drctl knows its own resources by tags with the other.",
    find,
};

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let tags = scene.all().flat_map(|item| item.field("tags").entries());
    let reserved = tags.filter_map(|tag| Some((tag, reserved_tag(tag.name)?)));
    let found = reserved.map(|(tag, prefix)| {
        let message = format!("the tag `{}` begins with `{prefix}`, which is reserved", tag.name);
        tag.wrong(message).help("choose another prefix")
    });
    found.collect()
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
