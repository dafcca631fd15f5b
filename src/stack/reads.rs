//! What a program reads beside its own text, so that a plan can tell whether it still is what it was made from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

/// Hashes of everything that an evaluation has read so far, by words that tell a person what it is:
/// files, variables of the environment, outputs of other stacks, secrets that a data source told.
///
/// The hash of a weak secret gives it away to whoever tries all of them: to be kept sealed.
#[derive(Debug, Default)]
pub struct Reads(Mutex<BTreeMap<String, BTreeSet<String>>>);

impl Reads {
    /// Notes that `what` was read, and with which content.
    pub(crate) fn note(&self, what: String, content: &[u8]) {
        self.note_hash(what, hex::encode(Sha256::digest(content)));
    }

    pub(crate) fn note_hash(&self, what: String, hash: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default().insert(hash);
    }

    /// All of it up to now.
    pub fn so_far(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use crate::stack::testing::{Desk, known, outputs_with};

    #[test]
    fn whatever_a_program_reads_is_told_apart_by_what_it_is_and_what_it_holds() {
        let program = "name: p\nruntime: yaml\nresources: {vpc: {type: aws:ec2:Vpc}}\noutputs:\n  text: {fn::secret: {fn::readFile: ./a.txt}}\n  \
                       code: {fn::fileArchive: ./code}\n  file: {fn::fileAsset: a.txt}\n  variable: {fn::env: [STAGE, none]}\n";
        let read = |text: &str, stage: Option<&str>| {
            let desk = Desk::files(&[("Pulumi.yaml", program), ("a.txt", "a"), ("code/x.py", text)]).stack("dev");
            let desk = stage.into_iter().fold(desk, |desk, stage| desk.env("STAGE", stage));
            desk.good().reads.so_far()
        };
        let first = read("x", None);
        let words: Vec<&str> = first.keys().map(String::as_str).collect();
        assert_eq!(words, ["`./a.txt`", "`./code`", "`a.txt`", "the variable `STAGE`"]);
        assert_eq!(read("x", None), first);
        for (changed, what) in [(read("y", None), "`./code`"), (read("x", Some("b")), "the variable `STAGE`")] {
            let differ = first.keys().filter(|what| first[*what] != changed[*what]).collect::<Vec<_>>();
            assert_eq!(differ, [what]);
        }
    }

    #[test]
    fn a_file_that_changes_while_a_program_runs_stays_what_it_was() {
        let program = "name: p\nruntime: yaml\nresources: {vpc: {type: aws:ec2:Vpc}}\noutputs:\n  \
                       text: {fn::join: ['', [{fn::readFile: a.txt}, '${vpc.arn}']]}\n  coded: {fn::filebase64: a.txt}\n";
        let desk = Desk::files(&[("Pulumi.yaml", program), ("a.txt", "before")]).stack("dev");
        let loaded = desk.good();
        let before = loaded.reads.so_far();
        std::fs::write(desk.dir.path().join("a.txt"), "after").unwrap();
        let known = known(&loaded, &[("vpc", "vpc-1", serde_json::json!({ "arn": "-arn" }))]);
        let outputs = outputs_with(&loaded, &known);
        assert_eq!(outputs, serde_json::json!({ "text": "before-arn", "coded": "YmVmb3Jl" }));
        assert_eq!(loaded.reads.so_far(), before);
    }
}
