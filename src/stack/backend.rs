//! `backend:`: where the state of a stack is kept.

use crate::engine::diagnostic::{Diagnostic, Location, nearest};
use crate::stack::expr::wrong;
use crate::stack::files::Files;
use crate::stack::project;
use crate::stack::request::Request;
use crate::stack::yaml::{Kind, Node};

/// Where a stack's file wants its state kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// `s3://bucket/prefix`.
    pub url: String,
    /// Region of the bucket, if it is given.
    pub region: Option<String>,
    /// A second bucket that everything is written to as well: its URL, and its region.
    pub replica: Option<(String, Option<String>)>,
    pub at: Location,
}

const KEYS: [&str; 3] = ["url", "region", "replica"];

impl Backend {
    /// Reads the section. `None` stands for files beside the stack.
    ///
    /// # Errors
    /// If it names no place that a state can be in.
    pub(crate) fn read(node: &Node) -> Result<Option<Self>, Diagnostic> {
        match &node.kind {
            Kind::Null => Ok(None),
            Kind::Text(url) => Self::of(url, None, None, node),
            Kind::Map(_) => {
                known_keys(node, &KEYS)?;
                let Some(url) = text(node, "url")? else {
                    let problem = Diagnostic::error("missing-key", "`backend` needs the key `url`");
                    return Err(problem.at(node.at.clone()).help(PLACES));
                };
                let replica = match node.get("replica").map(|entry| &entry.value) {
                    None => None,
                    Some(node) => Some(replica(node)?),
                };
                Self::of(&url, text(node, "region")?, replica, node)
            }
            _ => Err(wrong("`backend`", "`local`, a URL, or a map with `url`", node)),
        }
    }

    fn of(
        url: &str,
        region: Option<String>,
        replica: Option<(String, Option<String>)>,
        node: &Node,
    ) -> Result<Option<Self>, Diagnostic> {
        if url.starts_with("s3://") {
            return Ok(Some(Self { url: url.to_owned(), region, replica, at: node.at.clone() }));
        }
        if replica.is_some() {
            let problem = Diagnostic::error("backend", "only a state in S3 can have a replica");
            return Err(problem.at(node.at.clone()).help(PLACES));
        }
        if url == "local" {
            return Ok(None);
        }
        let problem = Diagnostic::error("backend", format!("`{url}` is no place for a state"));
        Err(problem.at(node.at.clone()).help(PLACES))
    }

    /// Reads the section of a Pulumi project, which may name places that only Pulumi knows: there the
    /// state lies in files beside the project.
    pub(crate) fn of_pulumi(node: &Node) -> Result<Option<Self>, Diagnostic> {
        let url = node.get("url").and_then(|entry| entry.value.as_text()).unwrap_or_default();
        if url.starts_with("s3://") { Self::read(node) } else { Ok(None) }
    }
}

const PLACES: &str = "write `backend: s3://BUCKET/PREFIX`, or leave it out for files beside the stack";

fn replica(node: &Node) -> Result<(String, Option<String>), Diagnostic> {
    let (url, region) = match &node.kind {
        Kind::Text(url) => (Some(url.clone()), None),
        Kind::Map(_) => {
            known_keys(node, &["url", "region"])?;
            (text(node, "url")?, text(node, "region")?)
        }
        _ => return Err(wrong("`replica`", "a URL, or a map with `url`", node)),
    };
    match url.filter(|url| url.starts_with("s3://")) {
        Some(url) => Ok((url, region)),
        None => {
            let problem = Diagnostic::error("backend", "a replica is in another bucket");
            Err(problem.at(node.at.clone()).help("write `replica: {url: s3://BUCKET/PREFIX, region: REGION}`"))
        }
    }
}

fn text(node: &Node, key: &str) -> Result<Option<String>, Diagnostic> {
    match node.get(key).map(|entry| &entry.value) {
        None => Ok(None),
        Some(value) => match value.as_text() {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(wrong(&format!("`{key}`"), "a text", value)),
        },
    }
}

fn known_keys(node: &Node, known: &[&'static str]) -> Result<(), Diagnostic> {
    for entry in node.as_map().unwrap_or_default() {
        if !known.contains(&entry.key.as_str()) {
            let problem = Diagnostic::error("unknown-key", format!("`{}` has no meaning here", entry.key));
            let help = match nearest(&entry.key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys are {}", known.join(", ")),
            };
            return Err(problem.at(entry.at.clone()).help(help));
        }
    }
    Ok(())
}

/// Where the state of a stack is kept, found without the rest of its program. `None` stands for files
/// beside the stack.
///
/// # Errors
/// If there is no such stack, or its file cannot be read that far.
pub fn backend(request: &Request) -> Result<Option<Backend>, Vec<Diagnostic>> {
    let cwd = std::path::absolute(&request.cwd).unwrap_or_else(|_| request.cwd.clone());
    let mut files = Files::new(&cwd);
    Ok(project::find(&Request { cwd, ..request.clone() }, &mut files)?.backend)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<Option<Backend>, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("stacks")).unwrap();
        std::fs::write(dir.path().join("stacks/prod.yaml"), text).unwrap();
        found(dir.path())
    }

    fn found(cwd: &Path) -> Result<Option<Backend>, String> {
        let request = Request { stack: "prod".into(), cwd: cwd.to_owned(), ..Request::default() };
        backend(&request).map_err(|problems| {
            let told = |p: &Diagnostic| {
                let at = p.at.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("{at} {}; {}", p.message, p.help.clone().unwrap_or_default())
            };
            problems.iter().map(told).collect::<Vec<_>>().join("\n")
        })
    }

    #[test]
    fn a_backend_is_a_url_or_a_map_and_may_have_a_replica() {
        assert_eq!(read("resources: {}\n").unwrap(), None);
        assert_eq!(read("backend: local\n").unwrap(), None);
        let short = read("backend: s3://states/team\n").unwrap().unwrap();
        assert_eq!((short.url.as_str(), short.region, short.replica), ("s3://states/team", None, None));
        let long = read("backend: {url: s3://a/p, region: us-east-1, replica: {url: s3://b/p, region: eu-west-1}}\n");
        let long = long.unwrap().unwrap();
        assert_eq!((long.url.as_str(), long.region.as_deref()), ("s3://a/p", Some("us-east-1")));
        assert_eq!(long.replica, Some(("s3://b/p".to_owned(), Some("eu-west-1".to_owned()))));
    }

    #[test]
    fn a_backend_that_is_wrong_is_refused_at_its_place() {
        insta::assert_snapshot!(read("backend: gs://states\n").unwrap_err(), @"stacks/prod.yaml:1:10 `gs://states` is no place for a state; write `backend: s3://BUCKET/PREFIX`, or leave it out for files beside the stack");
        insta::assert_snapshot!(read("backend: {ulr: s3://states}\n").unwrap_err(), @"stacks/prod.yaml:1:11 `ulr` has no meaning here; did you mean `url`?");
        insta::assert_snapshot!(read("backend: {url: s3://a, replica: b}\n").unwrap_err(), @"stacks/prod.yaml:1:33 a replica is in another bucket; write `replica: {url: s3://BUCKET/PREFIX, region: REGION}`");
        assert!(read("backend: [s3://a]\n").unwrap_err().contains("`local`, a URL, or a map with `url`, not a list"));
    }

    #[test]
    fn a_pulumi_project_may_name_a_backend_that_only_pulumi_knows() {
        let dir = tempfile::tempdir().unwrap();
        for (url, known) in
            [("https://api.pulumi.com", false), ("file://~", false), ("s3://states?region=eu-west-1", true)]
        {
            let text = format!("name: p\nruntime: yaml\nbackend: {{url: \"{url}\"}}\n");
            std::fs::write(dir.path().join("Pulumi.yaml"), text).unwrap();
            assert_eq!(found(dir.path()).unwrap().is_some(), known, "{url}");
        }
    }
}
