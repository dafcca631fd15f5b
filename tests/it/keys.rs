//! Keys of AWS KMS open secrets: those of states, from either region, and those of Pulumi's stack files.

use std::process::Command;
use std::sync::Arc;

use drctl::aws::{Kms, Settings};
use drctl::engine::key_provider::KeyProvider;
use drctl::state::{Source, States};

use crate::support::ask::Ask;
use crate::support::emulator::{ministack, python};
use crate::support::lab::{Lab, Said};
use crate::support::proxy::{Fault, Proxy};

/// A new key of the account.
fn key(account: &str, region: &str) -> String {
    let script = "import boto3, sys\n\
                  endpoint, account, region = sys.argv[1:]\n\
                  kms = boto3.client('kms', endpoint_url=endpoint, region_name=region, aws_access_key_id=account, aws_secret_access_key='secret')\n\
                  print(kms.create_key()['KeyMetadata']['Arn'])";
    let output = Command::new(python()).args(["-c", script, &ministack().endpoint, account, region]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn source(account: &str, endpoint: &str, wanted: &str) -> Source {
    let settings = Settings { endpoint_url: Some(endpoint.to_owned()), ..ministack().settings(account) };
    Source {
        wanted: Some(wanted.parse::<KeyProvider>().unwrap()),
        service: Some(Arc::new(Kms::new(settings))),
        ..Source::default()
    }
}

/// A way to the emulator on which a region does not answer.
fn without(region: &'static str) -> Proxy {
    Proxy::breaking(ministack(), move |ask: &Ask| (ask.region == region).then_some(Fault::FailsBefore))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_keys_of_two_regions_seal_opens_while_either_of_them_is_gone() {
    let account = ministack().account().0;
    let wanted = format!("kms={},{}", key(&account, "us-east-1"), key(&account, "eu-west-1"));
    let dir = tempfile::tempdir().unwrap();
    let local = States::local(dir.path().to_owned(), "aws").of("prod");
    let (keys, notice) = local.open_keys(source(&account, &ministack().endpoint, &wanted)).await.unwrap();
    assert_eq!((keys.region(), notice), (Some("us-east-1"), None));
    for (gone, used) in [("us-east-1", "eu-west-1"), ("eu-west-1", "us-east-1")] {
        let way = without(gone);
        let (keys, notice) = local.open_keys(source(&account, &way.endpoint, &wanted)).await.unwrap();
        assert_eq!(keys.region(), Some(used));
        assert_eq!(notice.is_some_and(|notice| notice.to_string().contains(gone)), gone == "us-east-1");
    }
    let other = key(&account, "us-west-2");
    let refused = without("us-east-1");
    let only = format!("kms={other}");
    let (_, notice) = local.open_keys(source(&account, &refused.endpoint, &only)).await.unwrap();
    assert!(notice.is_some(), "another key than that of the state is asked for");
}

fn drctl(lab: &Lab, line: &str, environment: &[(&str, &str)]) -> Said {
    let mut command = lab.drctl(&ministack().endpoint, line);
    Said::of(&command.envs(environment.iter().copied()).output().unwrap())
}

const PROGRAM: &str = "name: sealed\nruntime: yaml\nregions: {primary: us-east-1}\nresources:\n  \
                       password: {type: 'random:RandomPassword', properties: {length: 20}}\n\
                       outputs: {password: '${password.result}'}\n";

#[test]
fn a_stack_asks_for_keys_of_kms_and_rotates_through_every_way_to_open_its_secrets() {
    let lab = Lab::new(ministack());
    let arns = [key(&lab.account, "us-east-1"), key(&lab.account, "eu-west-1")];
    let program = format!("{PROGRAM}secrets: {{kms: [{}, {}]}}\n", arns[0], arns[1]);
    std::fs::write(lab.path().join("stacks/lab.yaml"), program).unwrap();
    drctl(&lab, "up --yes", &[]).ends_with(0);
    let ring = lab.state().join("keys.json");
    let text = std::fs::read_to_string(&ring).unwrap();
    assert!(arns.iter().all(|arn| text.contains(arn.as_str())), "{text}");
    let password = |environment: &[(&str, &str)]| {
        drctl(&lab, "outputs password --show-secrets", environment).ends_with(0).out.trim().to_owned()
    };
    let first = password(&[]);
    assert_eq!(first.len(), 20);

    let two = [("DRCTL_NEW_PASSPHRASE", "two")];
    let said = drctl(&lab, "state rotate-key --to passphrase", &two).ends_with(0);
    assert!(said.err.contains("a passphrase opens them"), "{}", said.err);
    assert!(
        said.err.contains("From now on `DRCTL_PASSPHRASE` must be what `DRCTL_NEW_PASSPHRASE` was"),
        "{}",
        said.err
    );
    drctl(&lab, "outputs", &[]).ends_with(2);
    let two = [("DRCTL_PASSPHRASE", "two")];
    assert_eq!(password(&two), first);

    let said = drctl(&lab, "state rotate-key --to key-file", &two).ends_with(0);
    assert!(said.err.contains("The new key is in"), "{}", said.err);
    assert_eq!(password(&[]), first);

    drctl(&lab, "state rotate-key", &[]).ends_with(0);
    let text = std::fs::read_to_string(&ring).unwrap();
    assert!(arns.iter().all(|arn| text.contains(arn.as_str())), "the stack still asks for KMS: {text}");
    assert_eq!(password(&[]), first);
    drctl(&lab, "preview --expect-no-changes", &[]).ends_with(0);
    drctl(&lab, "up --local --yes", &[]).ends_with(0);
}

#[test]
fn keys_in_a_region_that_is_given_as_unavailable_are_not_asked() {
    let lab = Lab::new(ministack());
    let arns = [key(&lab.account, "us-east-1"), key(&lab.account, "eu-west-1")];
    let program =
        PROGRAM.replace("regions: {primary: us-east-1}", "regions: {primary: us-east-1, secondary: eu-west-1}");
    let program = format!("{program}secrets: {{kms: [{}, {}]}}\n", arns[0], arns[1]);
    std::fs::write(lab.path().join("stacks/lab.yaml"), program).unwrap();
    drctl(&lab, "up --yes", &[]).ends_with(0);
    let silent = Proxy::breaking(ministack(), |ask| (ask.region == "us-east-1").then_some(Fault::Silent));
    for line in ["preview", "refresh --yes", "up --yes"] {
        let start = std::time::Instant::now();
        lab.run_at(&silent.endpoint, &format!("{line} --region-unavailable primary")).ends_with(0);
        assert!(start.elapsed().as_secs() < 15, "`{line}` took {:?}", start.elapsed());
    }
    let asked: Vec<Ask> = silent.take().into_iter().filter(|ask| ask.region == "us-east-1").collect();
    assert_eq!(asked, []);
}

#[test]
fn a_value_of_pulumis_stack_file_is_sealed_and_opened_by_kms() {
    let lab = Lab::new(ministack());
    let arn = key(&lab.account, "us-east-1");
    let program = "name: lab\nruntime: yaml\nconfig: {token: {type: string}}\noutputs: {token: '${token}'}\n";
    std::fs::write(lab.path().join("stacks/lab.yaml"), program).unwrap();
    let file = lab.path().join("stacks/Pulumi.lab.yaml");
    std::fs::write(&file, format!("secretsprovider: awskms:///{arn}?region=us-east-1&awssdk=v2&context_team=a\n"))
        .unwrap();
    drctl(&lab, "config set token hunter2hunter2 --secret", &[]).ends_with(0);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("encryptedkey: ") && text.contains("\"secure\":\"v1:") && !text.contains("hunter2"),
        "{text}"
    );
    assert_eq!(drctl(&lab, "config get token", &[]).ends_with(0).out, "hunter2hunter2\n");
    drctl(&lab, "up --yes", &[]).ends_with(0);
    assert!(drctl(&lab, "outputs", &[]).ends_with(0).out.contains("[secret]"));
    assert_eq!(drctl(&lab, "outputs token --show-secrets", &[]).ends_with(0).out, "hunter2hunter2\n");
}

#[test]
fn a_new_passphrase_opens_the_secure_values_of_the_config_too_wherever_the_rotation_was_killed() {
    let lab = Lab::new(ministack());
    let program = "name: lab\nruntime: yaml\nregions: {primary: us-east-1}\nconfig: {token: {type: string, secret: true}}\n\
                   resources: {password: {type: 'random:RandomPassword', properties: {length: 20}}}\noutputs: {token: '${token}'}\n";
    std::fs::write(lab.path().join("stacks/lab.yaml"), program).unwrap();
    let file = lab.path().join("stacks/Pulumi.lab.yaml");
    let (one, two) = (("DRCTL_PASSPHRASE", "one"), ("DRCTL_PASSPHRASE", "two"));
    drctl(&lab, "config set token hunter2hunter2", &[one]).ends_with(0);
    drctl(&lab, "up --local --yes", &[one]).ends_with(0);
    let before = std::fs::read(&file).unwrap();
    let rotation = [one, ("DRCTL_NEW_PASSPHRASE", "two")];
    let said = drctl(&lab, "state rotate-key --local", &rotation).ends_with(0);
    assert!(said.err.contains("1 secure value in") && said.err.contains("new passphrase, too"), "{}", said.err);
    assert_ne!(std::fs::read(&file).unwrap(), before);
    // The state was rotated and the file was not.
    std::fs::write(&file, &before).unwrap();
    let said = drctl(&lab, "state rotate-key --local", &rotation).ends_with(0);
    assert!(said.err.contains("1 secure value in"), "{}", said.err);
    let said = drctl(&lab, "outputs token --show-secrets --local", &[two]).ends_with(0);
    assert_eq!(said.out.trim(), "hunter2hunter2");
    let said = drctl(&lab, "state rotate-key --to key-file --local", &[two]).ends_with(0);
    assert!(said.err.contains("still open with `DRCTL_PASSPHRASE`"), "{}", said.err);
}
