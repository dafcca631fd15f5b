use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "tag-limits",
    summary: "A resource has at most 47 tags of its own, with keys of 1 to 128 and values of up to 256 characters.",
    why: "AWS takes 50 tags, and drctl puts three on what it makes to know it again.",
    find,
};

/// 50, less `drctl:owner`, `drctl:attempt` and `drctl:urn`.
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
const MOST: usize = 47;
const KEY: usize = 128;
const VALUE: usize = 256;

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for tags in scene.all().map(|item| item.field("tags")) {
        let count = tags.entries().count();
        if count > MOST {
            found.push(tags.wrong(format!("{count} tags are too many")).help(format!("AWS leaves room for {MOST}")));
        }
        for tag in tags.entries() {
            let key = tag.name.chars().count();
            if !(1..=KEY).contains(&key) {
                found.push(tag.wrong(format!("a tag's key has 1 to {KEY} characters, and this one {key}")));
            }
            if let Some(value) = tag.text().map(|text| text.chars().count()).filter(|n| *n > VALUE) {
                let message = format!("the value of the tag `{}` has {value} characters, and AWS takes {VALUE}", tag.name);
                found.push(tag.wrong(message));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn tags_are_few_and_short() {
        let many: String = (0..48).map(|i| format!("t{i}: x, ")).collect();
        let long = "v".repeat(257);
        let program = format!(
            "
  a: {{type: aws:s3:Bucket, properties: {{tags: {{{many}}}}}}}
  b: {{type: aws:s3:Bucket, properties: {{tags: {{owner: {long}}}}}}}
"
        );
        let messages: Vec<String> =
            found(&RULE, &program).iter().map(|told| told.split_once(" | ").unwrap().1.to_owned()).collect();
        let expected = ["the value of the tag `owner` has 257 characters, and AWS takes 256", "48 tags are too many"];
        assert_eq!(messages.len(), 2);
        assert!(expected.iter().all(|text| messages.iter().any(|m| m == text)), "{messages:?}");
    }
}
