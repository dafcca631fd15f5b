//! Rings of keys under every provider.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use base64::prelude::{BASE64_STANDARD_NO_PAD as BASE64, Engine};
use futures::future::BoxFuture;

use super::*;
use crate::engine::error::{Error, Kind};
use crate::engine::key_provider::{KeyService, KmsKey};
use crate::engine::plain::Plain;
use crate::engine::value::Value;

const US: &str = "arn:aws:kms:us-east-1:1:key/us";
const EU: &str = "arn:aws:kms:eu-west-1:1:key/eu";

/// A service that can lose regions.
#[derive(Default)]
struct Service(Mutex<BTreeSet<String>>);

impl Service {
    fn lose(&self, region: &str) {
        self.0.lock().unwrap().insert(region.to_owned());
    }

    fn check(&self, key: &KmsKey) -> Result<(), Error> {
        let lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lost.contains(key.region()) { Err(Error::new(Kind::Outage, "nobody answers")) } else { Ok(()) }
    }
}

impl KeyService for Service {
    fn wrap<'a>(&'a self, key: &'a KmsKey, plain: &'a [u8; 32]) -> BoxFuture<'a, Result<(KmsKey, Vec<u8>), Error>> {
        Box::pin(async move {
            self.check(key)?;
            let sealed = plain.iter().map(|b| b ^ 0x5a);
            Ok((key.clone(), key.arn().bytes().chain(sealed).collect()))
        })
    }

    fn unwrap<'a>(&'a self, key: &'a KmsKey, wrapped: &'a [u8]) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>, Error>> {
        Box::pin(async move {
            self.check(key)?;
            let sealed = wrapped.strip_prefix(key.arn().as_bytes());
            let sealed = sealed.ok_or_else(|| Error::new(Kind::Denied, "another key"))?;
            Ok(Zeroizing::new(sealed.iter().map(|b| b ^ 0x5a).collect()))
        })
    }
}

fn passphrase(text: &str) -> Source {
    Source::passphrase(text)
}

fn kms(service: &Arc<Service>) -> Source {
    let service = Arc::clone(service) as Arc<dyn KeyService>;
    Source { wanted: Some(KeyProvider::kms([US, EU]).unwrap()), service: Some(service), ..Source::default() }
}

fn sealed_by(keys: &Keys) -> Plain {
    keys.seal("l").seal("urn", "inputs", &Value::from("x").secret()).unwrap()
}

fn opens(keys: &Keys, sealed: &Plain) -> bool {
    keys.seal("l").open("urn", "inputs", sealed.clone()).is_ok()
}

#[tokio::test]
async fn a_key_file_is_made_once_and_announced_once() {
    let root = tempfile::tempdir().unwrap();
    let (first, notice) = Keys::open(root.path(), Source::key_file()).await.unwrap();
    assert_eq!(notice, Some(Notice::KeyFileMade(root.path().join("key"))));
    let (second, notice) = Keys::open(root.path(), Source::key_file()).await.unwrap();
    assert_eq!(notice, None);
    assert!(opens(&second, &sealed_by(&first)));
}

#[tokio::test]
async fn a_wrong_passphrase_is_refused_in_clear_words() {
    let root = tempfile::tempdir().unwrap();
    let (first, _) = Keys::open(root.path(), passphrase("right")).await.unwrap();
    let error = Keys::open(root.path(), passphrase("wrong")).await.unwrap_err();
    assert!(matches!(error, StateError::WrongPassphrase));
    assert!(matches!(Keys::open(root.path(), Source::key_file()).await.unwrap_err(), StateError::NoPassphrase));
    let (again, _) = Keys::open(root.path(), passphrase("right")).await.unwrap();
    assert!(opens(&again, &sealed_by(&first)));
}

#[tokio::test]
async fn no_key_lies_in_the_ring_in_plain() {
    let root = tempfile::tempdir().unwrap();
    let (keys, _) = Keys::open(root.path(), passphrase("right")).await.unwrap();
    let ring = std::fs::read_to_string(root.path().join(RING)).unwrap();
    assert!(!ring.contains(&BASE64.encode(keys.open[0].as_slice())) && !ring.contains("right"));
}

#[tokio::test]
async fn a_lost_or_exchanged_key_file_is_named() {
    let root = tempfile::tempdir().unwrap();
    Keys::open(root.path(), Source::key_file()).await.unwrap();
    let path = root.path().join("key");
    std::fs::remove_file(&path).unwrap();
    let error = Keys::open(root.path(), Source::key_file()).await.unwrap_err();
    assert!(matches!(error, StateError::NoKeyFile { exists: false, .. }));
    std::fs::write(&path, BASE64.encode([1; 32])).unwrap();
    let error = Keys::open(root.path(), Source::key_file()).await.unwrap_err();
    assert!(matches!(error, StateError::NoKeyFile { exists: true, .. }));
}

#[tokio::test]
async fn either_region_alone_opens_what_both_wrapped() {
    let root = tempfile::tempdir().unwrap();
    let service = Arc::new(Service::default());
    let (first, notice) = Keys::open(root.path(), kms(&service)).await.unwrap();
    assert_eq!((first.region(), notice), (Some("us-east-1"), None));
    service.lose("us-east-1");
    let (second, notice) = Keys::open(root.path(), kms(&service)).await.unwrap();
    assert_eq!(second.region(), Some("eu-west-1"));
    assert_eq!(
        notice.unwrap().to_string(),
        "the secrets were opened by KMS in eu-west-1 (us-east-1 failed: nobody answers)"
    );
    assert!(opens(&second, &sealed_by(&first)));
    service.lose("eu-west-1");
    let error = Keys::open(root.path(), kms(&service)).await.unwrap_err();
    insta::assert_snapshot!(error, @"no region opens the secrets: us-east-1: nobody answers; eu-west-1: nobody answers");
}

#[tokio::test]
async fn keys_are_made_only_if_every_region_wraps_them() {
    let root = tempfile::tempdir().unwrap();
    let service = Arc::new(Service::default());
    service.lose("eu-west-1");
    let error = Keys::open(root.path(), kms(&service)).await.unwrap_err();
    assert!(matches!(&error, StateError::NotWrapped { key, .. } if key == EU), "{error}");
    assert!(!root.path().join(RING).exists());
}

#[tokio::test]
async fn keys_of_a_service_need_the_service_and_a_wish_that_differs_is_told() {
    let root = tempfile::tempdir().unwrap();
    let service = Arc::new(Service::default());
    Keys::open(root.path(), kms(&service)).await.unwrap();
    let error = Keys::open(root.path(), Source::key_file()).await.unwrap_err();
    assert!(matches!(error, StateError::NoKeyService));
    let only = KeyProvider::kms([US]).unwrap();
    let (_, notice) = Keys::open(root.path(), Source { wanted: Some(only), ..kms(&service) }).await.unwrap();
    assert!(matches!(notice, Some(Notice::Differs { .. })));
}

/// Every provider in the place of every other, in the ring of the project and in one of its own.
#[tokio::test]
async fn until_a_rotation_ends_old_and_new_open_and_afterwards_only_the_new() {
    let service = Arc::new(Service::default());
    let sources = || [Source::key_file(), passphrase("one"), passphrase("two"), kms(&service)];
    for (old, new) in sources().into_iter().flat_map(|old| sources().map(|new| (old.clone(), new))) {
        for below in ["", "twin/prod"] {
            let root = tempfile::tempdir().unwrap();
            let dir = if below.is_empty() { root.path().to_owned() } else { root.path().join(below) };
            let (before, _) = Keys::open(root.path(), old.clone()).await.unwrap();
            let sealed = sealed_by(&before);
            let wanted = Source { wanted: Some(new.provider()), ..new.clone() };
            let rotation = before.begin_rotation(&dir, &old, &wanted).await.unwrap();
            for source in [&old, &new] {
                let (keys, notice) = Keys::open(&dir, source.clone()).await.unwrap();
                assert_eq!(notice, Some(Notice::RotationUnfinished));
                assert!(opens(&keys, &sealed) && opens(&keys, &sealed_by(&rotation.both)));
            }
            let both = sealed_by(&rotation.both);
            let after = rotation.end().await.unwrap();
            let (keys, notice) = Keys::open(&dir, new.clone()).await.unwrap();
            assert_eq!(notice, None, "{} to {}", old.provider(), new.provider());
            assert!(opens(&keys, &both) && opens(&keys, &sealed_by(&after)) && !opens(&keys, &sealed));
            if let (Some(a), b) = (&old.passphrase, &new.passphrase)
                && b.as_ref() != Some(a)
            {
                assert!(
                    Keys::open(&dir, old.clone()).await.is_err_and(|e| !matches!(e, StateError::Damaged { .. }))
                        || new.provider() == KeyProvider::KeyFile
                );
            }
        }
    }
}

#[tokio::test]
async fn a_rotated_key_file_is_another_file_and_the_old_one_goes() {
    let root = tempfile::tempdir().unwrap();
    let (before, _) = Keys::open(root.path(), Source::key_file()).await.unwrap();
    let source = Source::key_file();
    let rotation = before.begin_rotation(root.path(), &source, &source).await.unwrap();
    let Some(Notice::KeyFileMade(path)) = rotation.notice.clone() else { panic!("{:?}", rotation.notice) };
    rotation.end().await.unwrap();
    assert!(path.exists() && !root.path().join("key").exists());
    let below = root.path().join("twin/prod");
    let (shared, _) = Keys::open(root.path(), source.clone()).await.unwrap();
    shared.begin_rotation(&below, &source, &source).await.unwrap().end().await.unwrap();
    assert!(path.exists(), "the project's key file still opens other states");
}

/// What is below a directory, by path.
fn files_below(dir: &Path) -> Vec<PathBuf> {
    let (mut dirs, mut found) = (vec![dir.to_owned()], Vec::new());
    while let Some(dir) = dirs.pop() {
        for path in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() { dirs.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn where_something_is_sealed_already_no_new_keys_are_made() {
    for sealed in ["twin/prod/state.json", "aws/prod/journal.jsonl", "aws/prod/backups/00000001-0000000003.json"] {
        let root = tempfile::tempdir().unwrap();
        let (keys, _) = Keys::open(root.path(), Source::key_file()).await.unwrap();
        let path = root.path().join(sealed);
        files::make_dir(path.parent().unwrap()).unwrap();
        std::fs::write(&path, serde_json::to_vec(&sealed_by(&keys)).unwrap()).unwrap();
        let ring = root.path().join(RING);
        let text = std::fs::read(&ring).unwrap();
        std::fs::remove_file(&ring).unwrap();
        for source in [Source::key_file(), passphrase("any")] {
            let error = Keys::open(root.path(), source).await.unwrap_err();
            assert!(error.to_string().contains("keys.json` is gone, and with it"), "{error}");
            assert!(error.to_string().contains(sealed), "{error}");
        }
        let key = root.path().join("key");
        let kept = std::fs::read(&key).unwrap();
        std::fs::remove_file(&key).unwrap();
        let before = files_below(root.path());
        let error = Keys::open(root.path(), Source::key_file()).await.unwrap_err();
        assert!(matches!(&error, StateError::NoRing { key: Some(gone), .. } if *gone == key), "{error}");
        assert!(error.hint().contains("DRCTL_PASSPHRASE"), "{}", error.hint());
        assert_eq!(files_below(root.path()), before, "something was written");
        std::fs::write(&key, kept).unwrap();
        std::fs::write(&ring, text).unwrap();
        let (again, _) = Keys::open(root.path(), Source::key_file()).await.unwrap();
        assert!(opens(&again, &serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()));
    }
}

#[tokio::test]
async fn what_holds_no_secret_or_has_keys_of_its_own_needs_no_old_keys() {
    let root = tempfile::tempdir().unwrap();
    let own = root.path().join("aws/prod");
    let (keys, _) = Keys::open(&own, Source::key_file()).await.unwrap();
    std::fs::write(own.join("state.json"), serde_json::to_vec(&sealed_by(&keys)).unwrap()).unwrap();
    files::make_dir(&root.path().join("twin/open")).unwrap();
    std::fs::write(root.path().join("twin/open/state.json"), r#"{"inputs": {"secret": "none"}}"#).unwrap();
    Keys::open(root.path(), Source::key_file()).await.unwrap();
}
