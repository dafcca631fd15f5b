//! A test that names its account has it alone: it counts what is left there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[test]
fn an_account_that_is_named_belongs_to_one_file() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let folders = [tests.join("support"), tests];
    let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path())
    {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let quoted = text.split('"').filter(|part| part.len() == 12 && part.bytes().all(|b| b.is_ascii_digit()));
            for account in quoted {
                users.entry(account.to_owned()).or_default().insert(path.display().to_string());
            }
        }
    }
    assert!(users.len() > 15, "{users:#?}");
    users.retain(|_, files| files.len() > 1);
    assert!(users.is_empty(), "{users:#?}");
}
