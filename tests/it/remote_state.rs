//! The real program with its state in buckets: seen from several machines, killed, stopped, fenced,
//! moved, and with plans that are carried out later.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::ask::Ask;
use crate::support::emulator::{ministack, python};
use crate::support::lab::{Lab, Said};
use crate::support::proxy::{Fault, Proxy};
use crate::support::running::Running;
use crate::support::wire::Refusal;

/// A lab, and a second account that has buckets for its state.
struct Office {
    lab: Lab,
    account: String,
}

impl Office {
    fn new() -> Self {
        let lab = Lab::new(ministack());
        let (account, _) = ministack().account();
        let office = Self { lab, account };
        office.sign_in(&office.lab);
        office.make_bucket("first", "us-east-1");
        office.make_bucket("second", "eu-west-1");
        office
    }

    /// The buckets belong to another account than what the stack makes.
    fn sign_in(&self, lab: &Lab) {
        let folder = lab.path().join(".aws");
        fs::create_dir_all(&folder).unwrap();
        let text = format!("[states]\naws_access_key_id = {}\naws_secret_access_key = secret\n", self.account);
        fs::write(folder.join("credentials"), text).unwrap();
    }

    fn make_bucket(&self, name: &str, region: &str) {
        let script = "import boto3, sys\n\
            endpoint, key, bucket, region = sys.argv[1:]\n\
            s3 = boto3.client('s3', endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key='x', region_name=region)\n\
            where = {} if region == 'us-east-1' else {'CreateBucketConfiguration': {'LocationConstraint': region}}\n\
            s3.create_bucket(Bucket=bucket, **where)\n";
        let arguments = [ministack().endpoint.as_str(), &self.account, &self.bucket(name), region];
        let made = Command::new(python()).args(["-c", script]).args(arguments).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    fn empty_bucket(&self, name: &str, region: &str) {
        let script = "import boto3, sys\n\
            endpoint, key, bucket, region = sys.argv[1:]\n\
            s3 = boto3.resource('s3', endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key='x', region_name=region)\n\
            s3.Bucket(bucket).objects.all().delete()\n";
        let arguments = [ministack().endpoint.as_str(), &self.account, &self.bucket(name), region];
        let emptied = Command::new(python()).args(["-c", script]).args(arguments).output().unwrap();
        assert!(emptied.status.success(), "{}", String::from_utf8_lossy(&emptied.stderr));
    }

    fn bucket(&self, name: &str) -> String {
        format!("{name}-{}", self.account)
    }

    fn url(&self, name: &str) -> String {
        format!("s3://{}/team?profile=states", self.bucket(name))
    }

    /// Writes where the state is into the file of the stack.
    fn with_state_in_a_bucket(self) -> Self {
        self.write_backend(&format!("backend: \"{}\"\n", self.url("first")));
        self
    }

    fn with_a_copy(self) -> Self {
        let (first, second) = (self.url("first"), self.url("second"));
        self.write_backend(&format!(
            "backend: {{url: \"{first}\", replica: {{url: \"{second}\", region: eu-west-1}}}}\n"
        ));
        self
    }

    fn write_backend(&self, line: &str) {
        let mut file = OpenOptions::new().append(true).open(self.lab.path().join("stacks/lab.yaml")).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }

    /// Another machine, whose user has a copy of the key.
    fn another_machine(&self) -> Lab {
        let other = self.lab.elsewhere();
        self.sign_in(&other);
        fs::create_dir(other.path().join(".drctl")).unwrap();
        fs::copy(self.lab.path().join(".drctl/key"), other.path().join(".drctl/key")).unwrap();
        other
    }
}

/// The objects that a state must not leave anything in the lab's own directory beside.
fn local_state(lab: &Lab) -> bool {
    lab.state().join("state.json").exists() || lab.state().join("journal.jsonl").exists()
}

#[test]
fn a_stack_lives_in_a_bucket_and_any_machine_with_the_key_works_on_it() {
    let office = Office::new().with_state_in_a_bucket();
    office.lab.run("up --yes").ends_with(0);
    office.lab.is_whole();
    assert!(!local_state(&office.lab));
    let other = office.another_machine();
    let listed = other.run("stack ls").ends_with(0);
    assert!(listed.out.contains("lab"), "{}", listed.out);
    other.run("state check").ends_with(0);
    other.run("outputs").ends_with(0);
    other.run("preview --expect-no-changes").ends_with(0);
    other.run("state protect topic --yes").ends_with(2);
    other.run("stack export --output exported.json").ends_with(0);
    other.run("stack import exported.json --yes").ends_with(0);
    other.run("doctor").ends_with(0);
    let bare = office.lab.elsewhere();
    office.sign_in(&bare);
    let refused = bare.run("outputs").ends_with(2);
    assert!(refused.err.contains("the key file"), "{}", refused.err);
    other.run("stack rename other --yes").ends_with(0);
    office.lab.run("stack ls").ends_with(0);
    office.lab.run("outputs").ends_with(6);
    let destroy = format!("destroy --stack other --state {} --yes --force-override-protection", office.url("first"));
    other.run(&destroy).ends_with(0);
    assert_eq!(office.lab.holdings(), [""; 0]);
}

#[test]
fn a_stack_in_files_reads_outputs_of_a_stack_in_a_bucket() {
    let office = Office::new().with_state_in_a_bucket();
    let lab = &office.lab;
    office.write_backend("outputs: {vpc: \"${here.vpcId}\"}\n");
    lab.run("up --yes").ends_with(0);
    let reader = "name: reader\nruntime: yaml\nresources:\n  lab: {type: \"pulumi:pulumi:StackReference\"}\n\
        outputs: {vpc: \"${lab.outputs.vpc}\"}\n";
    fs::write(lab.path().join("stacks/reader.yaml"), reader).unwrap();
    lab.run("up --stack reader --yes").ends_with(0);
    let read = lab.run("outputs vpc --stack reader").ends_with(0);
    assert_eq!(read.out, lab.run("outputs vpc --stack lab").ends_with(0).out);
    assert!(read.out.starts_with("vpc-"), "{}", read.out);
}

#[test]
fn a_second_run_waits_for_the_first_or_leaves_wherever_the_state_is() {
    for office in [Office::new(), Office::new().with_state_in_a_bucket()] {
        let lab = &office.lab;
        let proxy = Proxy::holding_first(ministack(), "us-east-1 ec2:CreateVpc", Fault::HeldAfter);
        let first = Running::until_held(lab.drctl(&proxy.endpoint, "up --yes"), &proxy);
        let holder = format!("process {}", first.id());
        let refused = lab.run("up --yes").ends_with(1);
        let text = &refused.err;
        assert!(text.contains("the stack is locked by `tester`") && text.contains(&holder), "{text}");
        assert!(text.contains("since 20"), "{text}");
        let told = lab.run("unlock").ends_with(1);
        assert!(told.err.contains(&holder), "{}", told.err);
        let mut waiting = lab.drctl(&ministack().endpoint, "up --yes --lock-timeout 5m");
        let waiting = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_secs(2));
        proxy.open();
        assert_eq!(first.ends(), Some(0));
        let second = Said::of(&waiting.wait_with_output().unwrap()).ends_with(0);
        assert!(second.err.contains("Waiting for `tester`"), "{}", second.err);
        lab.is_whole();
    }
}

#[test]
fn a_holder_that_was_killed_needs_nobody() {
    for office in [Office::new(), Office::new().with_state_in_a_bucket()] {
        let lab = &office.lab;
        let proxy = Proxy::holding_first(ministack(), "us-east-1 ec2:CreateVpc", Fault::HeldAfter);
        Running::until_held(lab.drctl(&proxy.endpoint, "up --yes"), &proxy).kill();
        proxy.open();
        let start = Instant::now();
        lab.run("up --yes").ends_with(0);
        assert!(start.elapsed() < Duration::from_secs(120), "{:?}", start.elapsed());
        lab.is_whole();
    }
}

#[test]
fn a_holder_that_slept_too_long_writes_nothing_any_more_and_leaves() {
    let office = Office::new().with_state_in_a_bucket();
    let lab = &office.lab;
    let proxy = Proxy::holding_first(ministack(), "us-east-1 ec2:CreateVpc", Fault::HeldAfter);
    let sleeper = Running::until_held(lab.drctl(&proxy.endpoint, "up --yes"), &proxy);
    // Let what it began elsewhere arrive: nobody calls back a request that is on its way.
    std::thread::sleep(Duration::from_secs(1));
    sleeper.signal("-STOP");
    let other = office.another_machine();
    let second = other.run("up --yes").ends_with(0);
    assert!(second.err.contains("took the stack over from `tester`"), "{}", second.err);
    proxy.open();
    sleeper.signal("-CONT");
    sleeper.says("the lock of the stack was lost");
    assert_eq!(sleeper.ends(), Some(1));
    lab.is_whole();
    other.run("destroy --yes --force-override-protection").ends_with(0);
    assert_eq!(lab.holdings(), [""; 0]);
}

#[test]
fn a_holder_that_slept_between_its_intent_and_its_call_does_not_make_the_call() {
    let office = Office::new().with_state_in_a_bucket();
    let lab = &office.lab;
    let mut intent = false;
    let proxy = Proxy::breaking_requests(ministack(), move |request| {
        let is_intent = !intent && request.method == "PUT" && request.uri.contains("/journal/");
        intent |= is_intent;
        is_intent.then_some(Fault::HeldAfter)
    });
    let sleeper = Running::until_held(lab.drctl(&proxy.endpoint, "up --yes"), &proxy);
    sleeper.signal("-STOP");
    let other = office.another_machine();
    other.run("up --yes").ends_with(0);
    proxy.take();
    proxy.open();
    sleeper.signal("-CONT");
    sleeper.says("the lock of the stack was lost");
    assert_eq!(sleeper.ends(), Some(1));
    let changes: Vec<Ask> = proxy.take().into_iter().filter(|ask| ask.service != "s3" && ask.is_change()).collect();
    assert_eq!(changes, []);
    lab.is_whole();
    other.run("destroy --yes --force-override-protection").ends_with(0);
    assert_eq!(lab.holdings(), [""; 0]);
}

#[test]
fn answers_that_get_lost_on_the_way_to_the_bucket_lose_nothing() {
    let office = Office::new().with_state_in_a_bucket();
    let mut puts = 0;
    let proxy = Proxy::breaking(ministack(), move |ask| {
        let is_put = ask.to_string() == "us-east-1 s3:PUT";
        puts += usize::from(is_put);
        (is_put && puts % 4 == 0).then_some(Fault::DropsAfter)
    });
    office.lab.run_at(&proxy.endpoint, "up --yes").ends_with(0);
    office.lab.is_whole();
    office.lab.run_at(&proxy.endpoint, "destroy --yes --force-override-protection").ends_with(0);
    assert_eq!(office.lab.holdings(), [""; 0]);
}

#[test]
fn a_state_moves_into_a_bucket_and_back_and_no_run_begins_anew_where_it_was() {
    let office = Office::new();
    let lab = &office.lab;
    lab.run("up --yes").ends_with(0);
    let url = office.url("first");
    let moved = lab.run(&format!("stack migrate-state --to {url} --yes")).ends_with(0);
    assert!(moved.err.contains(&format!("Write `backend: {url}`")), "{}", moved.err);
    let refused = lab.run("up --yes").ends_with(2);
    assert!(refused.err.contains("the state of this stack was moved to s3://first-"), "{}", refused.err);
    lab.run(&format!("preview --expect-no-changes --state {url}")).ends_with(0);
    let held = Proxy::holding_first(ministack(), "us-east-1 sts:GetCallerIdentity", Fault::HeldAfter);
    let holder = Running::until_held(lab.drctl(&held.endpoint, &format!("up --yes --state {url}")), &held);
    lab.run(&format!("stack migrate-state --to local --state {url} --yes")).ends_with(1);
    held.open();
    assert_eq!(holder.ends(), Some(0));
    lab.run(&format!("stack migrate-state --to local --state {url} --yes")).ends_with(0);
    lab.run("preview --expect-no-changes").ends_with(0);
    lab.is_whole();
}

/// Holds the first snapshot that goes into a bucket.
fn holding_the_snapshot(fault: Fault) -> Proxy {
    let mut held = false;
    Proxy::breaking_requests(ministack(), move |request| {
        let first = !held && request.method == "PUT" && request.uri.contains("/team/lab/lab/state.json");
        held |= first;
        first.then_some(fault)
    })
}

#[test]
fn a_move_that_is_killed_leaves_one_place_to_be_used_and_moving_again_ends_it() {
    let office = Office::new();
    let lab = &office.lab;
    lab.run("up --yes").ends_with(0);
    let url = office.url("first");
    let to_the_bucket = format!("stack migrate-state --to {url} --yes");
    let proxy = holding_the_snapshot(Fault::HeldBefore);
    Running::until_held(lab.drctl(&proxy.endpoint, &to_the_bucket), &proxy).kill();
    proxy.end_the_held();
    let leaves = format!("the state of this stack is on its way to s3://{}/team", office.bucket("first"));
    for line in ["preview", "up --yes", "destroy --yes", "state untaint --all --yes"] {
        let refused = lab.run(line).ends_with(2);
        assert!(refused.err.contains(&leaves), "drctl {line}: {}", refused.err);
        assert!(refused.err.contains("`drctl stack migrate-state --to s3://"), "drctl {line}: {}", refused.err);
    }
    let stays = lab.run("stack migrate-state --to local --yes").ends_with(0);
    assert!(stays.err.contains("The state of `lab` stays in"), "{}", stays.err);
    lab.run("preview --expect-no-changes").ends_with(0);
    let proxy = holding_the_snapshot(Fault::HeldAfter);
    Running::until_held(lab.drctl(&proxy.endpoint, &to_the_bucket), &proxy).kill();
    proxy.open();
    assert!(lab.run("up --yes").ends_with(2).err.contains(&leaves));
    // It has arrived, and somebody goes on there.
    lab.run(&format!("refresh --yes --state {url}")).ends_with(0);
    lab.run(&format!("state protect here/topic --yes --state {url}")).ends_with(0);
    lab.run(&to_the_bucket).ends_with(0);
    assert!(lab.run("up --yes").ends_with(2).err.contains("the state of this stack was moved to s3://first-"));
    assert!(lab.run(&format!("state ls --state {url}")).ends_with(0).out.contains("protected"));
    lab.run(&format!("stack migrate-state --to local --state {url} --yes")).ends_with(0);
    lab.is_whole();
}

#[test]
fn whoever_cannot_open_the_secrets_takes_the_lock_from_nobody() {
    let office = Office::new().with_state_in_a_bucket();
    let lab = &office.lab;
    let proxy = Proxy::holding_first(ministack(), "us-east-1 ec2:CreateVpc", Fault::HeldAfter);
    Running::until_held(lab.drctl(&proxy.endpoint, "up --yes"), &proxy).kill();
    proxy.open();
    let stranger = office.lab.elsewhere();
    office.sign_in(&stranger);
    let watched = Proxy::to(ministack());
    for line in ["up --yes", "state taint --all --yes", "state rotate-key"] {
        let refused = stranger.run_at(&watched.endpoint, line).ends_with(2);
        assert!(refused.err.contains("the key file"), "drctl {line}: {}", refused.err);
        let changes: Vec<Ask> = watched.take().into_iter().filter(Ask::is_change).collect();
        assert_eq!(changes, [], "drctl {line}");
    }
    lab.run("up --yes").ends_with(0);
    lab.is_whole();
}

#[test]
fn credentials_that_end_at_the_bucket_are_named_and_the_end_tells_what_the_state_lacks() {
    let office = Office::new().with_state_in_a_bucket();
    let lab = &office.lab;
    lab.run("up --yes").ends_with(0);
    let expired = Refusal { status: 400, code: "ExpiredToken", message: "The provided token has expired." };
    let mut groups = 0;
    let proxy = Proxy::breaking_requests(ministack(), move |request| {
        groups += usize::from(request.method == "PUT" && request.uri.contains("/journal/"));
        (groups > 3 && request.uri.contains("/team")).then_some(Fault::Refused(expired))
    });
    let said = lab.run_at(&proxy.endpoint, "destroy --yes --force-override-protection").ends_with(3).err;
    for part in [
        "AWS takes the credentials of profile `states` no more: The provided token has expired.",
        "Stopped: there are no valid credentials; ",
        "the state could not take what the last calls did",
        "renew the credentials and run `drctl refresh`",
    ] {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
    for part in ["nothing changed", "is in the state"] {
        assert!(!said.contains(part), "`{part}` is in:\n{said}");
    }
    let all = Proxy::breaking_requests(ministack(), move |request| {
        request.uri.contains("/first-").then_some(Fault::Refused(expired))
    });
    let said = lab.run_at(&all.endpoint, "preview").ends_with(3).err;
    assert!(
        said.contains("credentials of profile `states`") && said.contains("aws sso login --profile states"),
        "{said}"
    );
    lab.run("destroy --yes --force-override-protection").ends_with(0);
    assert_eq!(lab.holdings(), [""; 0]);
}

#[test]
fn a_rotation_in_a_bucket_says_what_stays_there_and_the_new_passphrase_opens_it() {
    let office = Office::new().with_state_in_a_bucket();
    let lab = &office.lab;
    lab.run("up --yes").ends_with(0);
    let drctl = |line: &str, variable: &str| {
        let mut command = lab.drctl(&ministack().endpoint, line);
        Said::of(&command.env(variable, "open sesame").output().unwrap())
    };
    let said = drctl("state rotate-key --to passphrase", "DRCTL_NEW_PASSPHRASE").ends_with(0);
    for part in ["and 1 backup are sealed anew", "The keys before stay in `keys.json`"] {
        assert!(said.err.contains(part), "`{part}` is not in:\n{}", said.err);
    }
    lab.run("outputs").ends_with(2);
    drctl("preview --expect-no-changes", "DRCTL_PASSPHRASE").ends_with(0);
    // The project has a key file, which other states are sealed with; this one keeps its passphrase.
    drctl("up --local --yes --state local", "IGNORED").ends_with(0);
    let moved = drctl("stack migrate-state --to local --yes", "DRCTL_PASSPHRASE").ends_with(0);
    assert!(!moved.err.contains("what opens the secrets changes"), "{}", moved.err);
    lab.run("outputs --state local").ends_with(2);
    drctl("outputs --state local", "DRCTL_PASSPHRASE").ends_with(0);
    let moved = drctl(
        &format!("stack migrate-state --to {} --state local --secrets key-file --yes", office.url("second")),
        "DRCTL_PASSPHRASE",
    );
    let moved = moved.ends_with(0);
    assert!(
        moved.err.contains("what opens the secrets changes: a passphrase does now, and a key file will"),
        "{}",
        moved.err
    );
}

#[test]
fn a_saved_plan_is_carried_out_as_it_is_or_not_at_all() {
    let office = Office::new().with_state_in_a_bucket();
    let plan = office.lab.path().join("plan").to_string_lossy().into_owned();
    office.lab.run(&format!("preview --save-plan {plan}")).ends_with(0);
    let other = office.another_machine();
    other.run(&format!("up --plan {plan}")).ends_with(0);
    office.lab.is_whole();
    let stale = other.run(&format!("up --plan {plan}")).ends_with(2);
    assert!(stale.err.contains("does not hold any more: since then the state changed"), "{}", stale.err);
    let file = other.path().join("stacks/lab.yaml");
    let text = fs::read_to_string(&file).unwrap();
    office.lab.run(&format!("preview --save-plan {plan}")).ends_with(0);
    fs::write(&file, format!("{text}\n# A remark.\n")).unwrap();
    let stale = other.run(&format!("up --plan {plan}")).ends_with(2);
    assert!(stale.err.contains("since then the program changed"), "{}", stale.err);
    fs::write(&file, text).unwrap();
    let bytes = fs::read_to_string(&plan).unwrap();
    fs::write(&plan, bytes.replacen("us-east-1", "eu-west-1", 1)).unwrap();
    let edited = other.run(&format!("up --plan {plan}")).ends_with(2);
    assert!(edited.err.contains("was changed after it was made"), "{}", edited.err);
    office.lab.run(&format!("preview --destroy --save-plan {plan}")).ends_with(0);
    let wrong = other.run(&format!("up --plan {plan}")).ends_with(2);
    assert!(wrong.err.contains("carry it out with `drctl destroy --plan`"), "{}", wrong.err);
}

fn is_of_a_lost_bucket(ask: &Ask) -> bool {
    ask.service == "s3" && ask.region == "us-east-1"
}

#[test]
fn the_state_survives_the_loss_of_its_first_bucket() {
    let office = Office::new().with_a_copy();
    let second = office.url("second");
    let lab = &office.lab;
    lab.run("up --yes").ends_with(0);
    let lost = Proxy::breaking(ministack(), |ask| is_of_a_lost_bucket(ask).then_some(Fault::DropsBefore));
    let shown = lab.run_at(&lost.endpoint, "state ls").ends_with(0);
    assert!(shown.err.contains("does not answer") && shown.out.contains("eu-west-1"), "{}", shown.err);
    let refused = lab.run_at(&lost.endpoint, "state taint here/topic --yes").ends_with(11);
    let ready = format!("go on with the copy: `--state '{second}'`").replace("?profile", "?region=eu-west-1&profile");
    assert!(refused.err.contains(&ready), "{ready} is not in:\n{}", refused.err);
    let on_copy = format!("state taint here/topic --state {second} --yes");
    lab.run_at(&lost.endpoint, &on_copy).ends_with(0);
    // The first one is back, and learns what happened.
    let shown = lab.run("state ls").ends_with(0);
    assert!(shown.out.contains("to be replaced"), "{}", shown.out);
    lab.run("state untaint here/topic --yes").ends_with(0);
    lab.is_whole();
}

#[test]
fn a_bucket_that_keeps_silent_is_named_and_given_up_within_seconds() {
    let office = Office::new().with_a_copy();
    let lab = &office.lab;
    lab.run("up --yes").ends_with(0);
    let silent = Proxy::breaking(ministack(), |ask| is_of_a_lost_bucket(ask).then_some(Fault::Silent));
    let told = format!("Waiting for s3://{}\n", office.bucket("first"));
    let on_copy = format!("state taint here/topic --state {} --yes", office.url("second"));
    for (line, code) in [("up --yes", 11), ("preview --expect-no-changes --json", 0), (on_copy.as_str(), 0)] {
        let start = Instant::now();
        let said = lab.run_at(&silent.endpoint, line).ends_with(code);
        assert!(start.elapsed() < Duration::from_secs(25), "`{line}` took {:?}", start.elapsed());
        assert_eq!(said.err.matches(&told).count(), 1, "{}", said.err);
    }
}

#[test]
fn a_bucket_that_takes_seconds_for_each_answer_is_used_all_the_same() {
    let office = Office::new().with_state_in_a_bucket();
    let lab = &office.lab;
    lab.run("up --yes").ends_with(0);
    let sluggish = Proxy::breaking(ministack(), |ask| is_of_a_lost_bucket(ask).then_some(Fault::Sluggish));
    let shown = lab.run_at(&sluggish.endpoint, "state ls").ends_with(0);
    assert!(shown.out.contains("eu-west-1"), "{}", shown.out);
    assert!(!shown.err.contains("does not answer"), "{}", shown.err);
}

#[test]
fn a_bucket_in_a_region_that_is_given_as_unavailable_is_never_asked() {
    let office = Office::new().with_a_copy();
    let lab = &office.lab;
    lab.run("up --yes").ends_with(0);
    let silent = Proxy::breaking(ministack(), |ask| (ask.region == "us-east-1").then_some(Fault::Silent));
    let away = "us-east-1 was given as unavailable";
    let seen = lab.run_at(&silent.endpoint, "preview --region-unavailable primary").ends_with(0);
    assert!(seen.err.contains(away), "{}", seen.err);
    let refused = lab.run_at(&silent.endpoint, "up --yes --region-unavailable us-east-1").ends_with(11);
    assert!(refused.err.contains(away) && refused.err.contains("go on with the copy"), "{}", refused.err);
    let copy = format!("s3://{}/team?region=eu-west-1&profile=states", office.bucket("second"));
    let done = lab.run_at(&silent.endpoint, &format!("up --yes --region-unavailable us-east-1 --state {copy}"));
    assert!(done.ends_with(0).err.contains("is left behind"));
    let asked: Vec<Ask> = silent.take().into_iter().filter(is_of_a_lost_bucket).collect();
    assert_eq!(asked, []);
}

#[test]
fn an_emptied_bucket_beside_a_copy_that_does_not_answer_is_no_new_stack() {
    let office = Office::new().with_a_copy();
    let lab = &office.lab;
    lab.run("up --yes").ends_with(0);
    office.empty_bucket("first", "us-east-1");
    let away =
        Proxy::breaking_requests(ministack(), |request| request.uri.contains("/second-").then_some(Fault::FailsBefore));
    for line in ["preview", "up --yes", "destroy --yes", "outputs"] {
        let refused = lab.run_at(&away.endpoint, line).ends_with(11).err;
        assert!(
            refused.contains("there is no state of the stack where it can be looked for"),
            "drctl {line}: {refused}"
        );
        assert!(refused.contains("--region-unavailable eu-west-1"), "drctl {line}: {refused}");
    }
    lab.is_whole();
    lab.run("preview --expect-no-changes").ends_with(0);
}

#[test]
fn a_bucket_elsewhere_is_found_while_the_own_region_is_lost() {
    let office = Office::new();
    let lab = &office.lab;
    let second = office.url("second");
    lab.run(&format!("up --yes --state {second}")).ends_with(0);
    for fault in [Fault::DropsBefore, Fault::Silent] {
        let lost = Proxy::breaking(ministack(), move |ask| is_of_a_lost_bucket(ask).then_some(fault));
        let shown = lab.run_at(&lost.endpoint, &format!("state ls --state {second}")).ends_with(0);
        assert!(shown.out.contains("eu-west-1"), "{}", shown.out);
    }
}
