//! A state belongs to one program, one account and one run at a time, and is never taken for none.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use drctl::state::{FileLock, Owner, States, silently};

use crate::support::lab::Said;

const NET: &str = "
name: shop
regions: {primary: us-east-1}
resources:
  vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  subnet: {type: aws:ec2:Subnet, properties: {vpcId: '${vpc.id}', cidrBlock: 10.0.1.0/24}}
";

/// A directory with stacks on its own twin.
struct Project(tempfile::TempDir);

impl Project {
    fn with(stacks: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("stacks")).unwrap();
        let project = Self(folder);
        stacks.iter().for_each(|stack| project.write(stack, NET));
        project
    }

    fn write(&self, stack: &str, program: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(format!("stacks/{stack}.yaml")), program).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn dir_of(&self, stack: &str) -> PathBuf {
        self.path().join(".drctl/twin").join(stack)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drctl"));
        command.args(line.split(' ')).args(["--local", "--yes"]).current_dir(self.path()).stdin(Stdio::null());
        for variable in ["DRCTL_ENV", "DRCTL_STACK", "DRCTL_LOCAL"] {
            command.env_remove(variable);
        }
        command
    }

    fn run(&self, line: &str) -> Said {
        Said::of(&self.command(line).output().unwrap())
    }

    #[track_caller]
    fn good(&self, line: &str) -> String {
        let said = self.run(line).ends_with(0);
        said.out + &said.err
    }

    /// Runs what must be refused, and gives what it said.
    #[track_caller]
    fn refused(&self, line: &str, code: i32) -> String {
        self.run(line).ends_with(code).err
    }

    fn vpcs(&self) -> usize {
        self.good("local inspect").lines().filter(|line| line.contains("ec2:Vpc")).count()
    }
}

#[test]
fn a_pipe_in_the_place_of_a_file_holds_up_no_command() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    let stack = project.dir_of("web");
    let record = std::fs::read_dir(stack.join("runs")).unwrap().next().unwrap().unwrap().path();
    let own = project.path().join(".drctl");
    let files = ["state.json", "journal.jsonl", "lineage", "lock"].map(|name| stack.join(name));
    let shared = [own.join("keys.json"), own.join("key"), own.join("twin/world.json"), record];
    let aside = project.path().join("aside");
    for path in files.iter().chain(&shared) {
        std::fs::rename(path, &aside).unwrap();
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        for line in ["stack ls", "preview -s web", "up -s web", "state ls -s web", "history -s web"] {
            let mut child = project.command(line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let deadline = std::time::Instant::now() + Duration::from_secs(60);
            while child.try_wait().unwrap().is_none() {
                if std::time::Instant::now() > deadline {
                    child.kill().unwrap();
                    panic!("`{line}` waits for {}", path.display());
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        std::fs::remove_file(path).unwrap();
        std::fs::rename(&aside, path).unwrap();
    }
    assert!(project.good("up -s web").contains("No changes"));
}

#[test]
fn a_state_of_another_project_is_refused_until_it_is_given_to_this_one() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    std::fs::write(project.path().join("web.yaml"), NET.replace("name: shop", "name: other")).unwrap();
    for line in ["preview -s ./web.yaml", "up -s ./web.yaml", "destroy -s ./web.yaml", "refresh -s ./web.yaml"] {
        let text = project.refused(line, 2);
        for part in ["belongs to project `shop`", "stacks/web.yaml", "`other`", "--rename-project"] {
            assert!(text.contains(part), "drctl {line}: `{part}` is not in:\n{text}");
        }
    }
    project.good("preview -s web --expect-no-changes");
    project.good("preview -s ./web.yaml --rename-project --expect-no-changes");
    project.good("preview -s web --expect-no-changes");
    project.good("up -s ./web.yaml --rename-project --expect-no-changes");
    project.good("preview -s ./web.yaml --expect-no-changes");
    project.good("state check -s web");
    assert!(project.refused("preview -s web", 2).contains("belongs to project `other`"));
    project.good("destroy -s ./web.yaml");
    // What holds nothing belongs to nobody.
    project.good("up -s web");
}

#[test]
fn outputs_that_hold_whole_resources_settle() {
    let project = Project::with(&["web"]);
    let program = "
name: shop
regions: {primary: us-east-1}
components:
  net: {resources: {vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.1.0.0/16}}}, outputs: {vpc: '${vpc}'}}
resources:
  vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  many: {type: aws:ec2:Vpc, each: [a, b], properties: {cidrBlock: 10.2.0.0/16}}
  net: {type: net}
outputs: {vpc: '${vpc}', deep: {x: ['${vpc}']}, many: '${many}', net: '${net}', hidden: {fn::secret: '${vpc}'}}
";
    project.write("web", program);
    project.good("up -s web");
    project.good("preview -s web --expect-no-changes");
    assert!(project.good("outputs vpc -s web").starts_with("vpc-"));
    assert!(project.good("outputs hidden -s web").contains("[secret]"));
}

#[test]
fn whoever_asks_for_what_a_stack_does_not_have_ends_alike() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    for line in ["outputs nope -s web", "history show nope -s web", "state show nope -s web", "config get nope -s web"]
    {
        assert!(project.refused(line, 2).contains("nope"), "drctl {line}");
    }
}

#[test]
fn whoever_asks_about_a_stack_without_a_state_ends_alike() {
    let project = Project::with(&["web"]);
    for stack in ["web", "nope"] {
        for line in ["state ls", "unlock", "history", "history show"] {
            let told = project.refused(&format!("{line} -s {stack}"), 6);
            assert!(told.contains(&format!("stack `{stack}` has no state")), "drctl {line}: {told}");
        }
    }
    project.good("preview -s web");
    project.good("history -s web");
    project.good("unlock -s web");
}

#[test]
fn a_passphrase_that_is_asked_for_and_not_given_is_said_to_be_lacking() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    let told = project.refused("state rotate-key --to passphrase -s web", 2);
    assert!(told.contains("no passphrase was given to seal the secrets with"), "{told}");
    assert!(told.contains("DRCTL_NEW_PASSPHRASE"), "{told}");
}

#[test]
fn an_input_that_is_left_out_on_purpose_is_refused_with_the_reason() {
    let project = Project::with(&[]);
    let program = "
name: shop
regions: {primary: us-east-1}
resources:
  site: {type: aws:s3:Bucket, properties: {website: {indexDocument: index.html}}}
  net: {type: aws:ec2:Vpc, properties: {namePrefix: net}}
";
    project.write("web", program);
    let told = project.refused("validate -s web", 2);
    assert!(told.contains("`aws:s3:Bucket` has no input `website`"), "{told}");
    assert!(told.contains("S3 keeps it beside the bucket, and drctl has no type for that part"), "{told}");
    assert!(told.contains("`aws:ec2:Vpc` has no input `namePrefix`") && !told.contains("give `name`"), "{told}");
}

#[test]
fn a_config_value_is_sealed_by_the_passphrase_of_the_states() {
    let project = Project::with(&["web"]);
    let run = |line: &str, passphrase: &[(&str, &str)]| {
        Said::of(&project.command(line).envs(passphrase.iter().copied()).output().unwrap())
    };
    let own = [("DRCTL_PASSPHRASE", "horse")];
    let missing = run("config set tok v --secret -s web", &[]).ends_with(2).err;
    assert!(missing.contains("PULUMI_CONFIG_PASSPHRASE") && missing.contains("DRCTL_PASSPHRASE"), "{missing}");
    run("config set tok hunter2 --secret -s web", &own).ends_with(0);
    assert_eq!(run("config get tok -s web", &own).ends_with(0).out, "hunter2\n");
    assert_eq!(run("config get tok -s web", &[("PULUMI_CONFIG_PASSPHRASE", "horse")]).ends_with(0).out, "hunter2\n");
    run("config get tok -s web", &[own[0], ("PULUMI_CONFIG_PASSPHRASE", "cow")]).ends_with(2);
}

#[test]
fn a_state_that_is_lost_is_never_taken_for_none() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    let state = project.dir_of("web").join("state.json");
    std::fs::remove_file(&state).unwrap();
    for line in ["preview -s web", "up -s web", "destroy -s web", "state ls -s web"] {
        let text = project.refused(line, 2);
        for part in ["state.json", "is gone", "drctl stack import", "backups", "stack rm --force"] {
            assert!(text.contains(part), "drctl {line}: `{part}` is not in:\n{text}");
        }
    }
    assert_eq!(project.vpcs(), 1, "nothing was made a second time");
    assert!(project.run("stack ls").ends_with(2).out.contains("is gone"));
    let backups = std::fs::read_dir(project.dir_of("web").join("backups")).unwrap();
    let newest = backups.map(|entry| entry.unwrap().path()).max().unwrap();
    project.good(&format!("stack import {} -s web", newest.display()));
    project.good("preview -s web --expect-no-changes");
    // The records of runs are enough to tell.
    std::fs::remove_file(&state).unwrap();
    std::fs::remove_dir_all(project.dir_of("web").join("backups")).unwrap();
    assert!(project.refused("up -s web", 2).contains("is gone"));
    project.refused("stack rm -s web", 2);
    project.good("stack rm --force -s web");
    project.good("up -s web");
    assert_eq!(project.vpcs(), 2);
}

/// Makes the newest run one that was killed after its first change. Gives its record.
fn killed(project: &Project) -> PathBuf {
    let runs = std::fs::read_dir(project.dir_of("web").join("runs")).unwrap();
    let record = runs.map(|entry| entry.unwrap().path()).max().unwrap();
    let text = std::fs::read_to_string(&record).unwrap();
    let begun: String = text.lines().filter(|line| !line.contains("run-ended")).map(|l| format!("{l}\n")).collect();
    assert_ne!(begun, text);
    std::fs::write(&record, begun).unwrap();
    record
}

/// Makes a file as old as a tool that restores it may.
fn date(path: &Path, time: SystemTime) {
    std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn a_journal_that_is_lost_is_never_taken_for_empty() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    let state = project.dir_of("web").join("state.json");
    let before = std::fs::read(&state).unwrap();
    let more = "  other: {type: aws:ec2:Subnet, properties: {vpcId: '${vpc.id}', cidrBlock: 10.0.2.0/24}}\n";
    project.write("web", NET.to_owned() + more);
    project.good("up -s web");
    let record = killed(&project);
    std::fs::write(&state, before).unwrap();
    let run = record.file_stem().unwrap().to_string_lossy().into_owned();
    for time in [SystemTime::UNIX_EPOCH, SystemTime::now() + Duration::from_secs(3600)] {
        date(&state, time);
        for line in ["preview -s web", "up -s web", "destroy -s web", "state ls -s web"] {
            let text = project.refused(line, 2);
            for part in ["journal.jsonl", "is gone", "drctl history show", &run, "drctl stack import"] {
                assert!(text.contains(part), "drctl {line}: `{part}` is not in:\n{text}");
            }
        }
    }
    assert!(project.run("stack ls").ends_with(2).out.contains("is gone"));
    project.good(&format!("stack import {} -s web", state.display()));
    assert!(project.good("preview -s web").contains("other"));
}

#[test]
fn a_state_that_holds_what_a_killed_run_did_is_taken_however_old_its_file_is() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    let record = killed(&project);
    for (state, runs) in [(0, 1_000_000_000), (1_000_000_000, 0)] {
        let time = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        date(&project.dir_of("web").join("state.json"), time(state));
        date(&record, time(runs));
        project.good("preview -s web --expect-no-changes");
    }
}

#[test]
fn keys_that_are_lost_are_never_replaced_by_new_ones() {
    let project = Project::with(&["web"]);
    let secret =
        NET.replace("resources:", "resources:\n  password: {type: random:RandomPassword, properties: {length: 12}}");
    project.write("web", secret);
    project.good("up -s web");
    let drctl = project.path().join(".drctl");
    let lost = ["key", "keys.json"].map(|name| (drctl.join(name), std::fs::read(drctl.join(name)).unwrap()));
    lost.iter().for_each(|(path, _)| std::fs::remove_file(path).unwrap());
    for line in ["preview -s web", "up -s web", "destroy -s web", "state ls -s web", "state rotate-key -s web"] {
        let text = project.refused(line, 2);
        for part in ["keys.json` is gone", "key` too", "state.json", "DRCTL_PASSPHRASE", "stack rm --force"] {
            assert!(text.contains(part), "drctl {line}: `{part}` is not in:\n{text}");
        }
        assert!(lost.iter().all(|(path, _)| !path.exists()), "drctl {line} made new keys");
    }
    // Those of another stack would be in the way of the lost ones.
    project.write("shop", NET);
    project.refused("up -s shop", 2);
    lost.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
    project.good("preview -s web --expect-no-changes");
    lost.iter().for_each(|(path, _)| std::fs::remove_file(path).unwrap());
    project.good("stack rm --force -s web");
    project.good("up -s shop");
}

#[test]
fn names_in_an_edited_state_that_do_not_exist_are_found_with_the_nearest_ones() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    project.good("state check -s web");
    let state = project.dir_of("web").join("state.json");
    let text = std::fs::read_to_string(&state).unwrap();
    let edited = text.replacen("\"type\": \"aws:ec2/vpc:Vpc\"", "\"type\": \"aws:ec2/vpc:Vcp\"", 1).replacen(
        "\"place\": \"us-east-1\"",
        "\"place\": \"us-est-1\"",
        1,
    );
    std::fs::write(&state, edited).unwrap();
    let said = project.run("state check -s web").ends_with(2).out;
    let urn = "`urn:pulumi:web::shop::aws:ec2/vpc:Vpc::vpc`";
    for found in [
        "there is no type `aws:ec2/vpc:Vcp`: did you mean `aws:ec2/vpc:Vpc`?",
        "there is no region `us-est-1`: did you mean `us-east-1`?",
    ] {
        assert!(said.contains(&format!("{urn}: {found}")), "`{found}` is not in:\n{said}");
    }
}

#[test]
fn nothing_is_deleted_by_a_state_whose_rows_were_given_another_place_or_type() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    let state = project.dir_of("web").join("state.json");
    let text = std::fs::read_to_string(&state).unwrap();
    let edits = [
        ("\"place\": \"us-east-1\"", "\"place\": \"mars\"", "there is no region `mars`"),
        (
            "\"place\": \"us-east-1\"",
            "\"place\": \"eu-west-1\"",
            "it is in `eu-west-1`, and its ARN is `arn:aws:ec2:us-east-1:",
        ),
        ("\"type\": \"aws:ec2/vpc:Vpc\"", "\"type\": \"aws:s3/bucket:Bucket\"", "its URN names another one"),
    ];
    for (from, to, why) in edits {
        std::fs::write(&state, text.replacen(from, to, 1)).unwrap();
        assert!(project.run("state check -s web").ends_with(2).out.contains(why));
        for line in ["destroy -s web", "up -r -s web", "refresh -s web", "preview -s web"] {
            let said = project.refused(line, 2);
            assert!(said.contains("is not sound") && said.contains(why), "drctl {line}: {said}");
        }
        assert_eq!(project.vpcs(), 1);
    }
    std::fs::write(&state, text).unwrap();
    project.good("destroy -s web");
    assert_eq!(project.vpcs(), 0);
}

/// Takes a row out of a state as an editor does it.
fn cut(state: &Path, name: &str) {
    let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(state).unwrap()).unwrap();
    let rows = json["rows"].as_array_mut().unwrap();
    rows.retain(|row| !row["urn"].as_str().unwrap().ends_with(&format!("::{name}")));
    std::fs::write(state, json.to_string()).unwrap();
}

#[test]
fn nothing_is_planned_from_a_state_whose_rows_name_one_that_is_missing() {
    const MORE: &str = "  table: {type: aws:ec2:RouteTable, properties: {vpcId: '${vpc.id}'}}\n";
    let project = Project::with(&["web"]);
    project.write("web", format!("{NET}{MORE}"));
    project.good("up -s web");
    cut(&project.dir_of("web").join("state.json"), "vpc");
    let vpc = "urn:pulumi:web::shop::aws:ec2/vpc:Vpc::vpc";
    let mut told = String::new();
    for line in
        ["preview -s web", "up -s web", "destroy -s web", "refresh -s web", "import aws:ec2:Vpc other vpc-1 -s web"]
    {
        told = project.refused(line, 2);
        for part in ["subnet`: it names `", "table`: it names `", vpc, "`backups`", "drctl stack import"] {
            assert!(told.contains(part), "drctl {line}: `{part}` is not in:\n{told}");
        }
    }
    assert!(project.run("state check -s web").ends_with(2).out.contains(vpc));
    project.good("state ls -s web");
    project.good("stack export -s web");
    let way_out = format!("state rm --force '{vpc}'");
    assert!(told.contains(&way_out), "{told}");
    project.good(&format!("state rm --force {vpc} -s web"));
    project.good("state check -s web");
    project.good("up -s web");
    project.good("preview -s web --expect-no-changes");
}

#[test]
fn no_command_leaves_a_state_from_which_nothing_can_be_planned() {
    const FIRST: &str = "
name: shop
regions: {primary: us-east-1}
resources:
  a: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  b: {type: aws:ec2:Subnet, properties: {vpcId: '${a.id}', cidrBlock: 10.0.1.0/24}}
  c: {type: aws:sqs:Queue, options: {dependsOn: ['${d}'], deletedWith: '${d}'}}
  d: {type: aws:sqs:Queue}
  e: {type: aws:sns:Topic, options: {replaceWith: ['${d}'], dependsOn: ['${b}', '${c}']}}
  f: {type: aws:sns:Topic, options: {retainOnDelete: true, dependsOn: ['${d}']}}
";
    let second = FIRST
        .replace("options: {dependsOn: ['${d}'], deletedWith: '${d}'}", "properties: {delaySeconds: 3}")
        .replace("  d: {type: aws:sqs:Queue}\n", "")
        .replace("replaceWith: ['${d}'], dependsOn: ['${b}', '${c}']", "dependsOn: ['${c}']")
        .replace("dependsOn: ['${d}']", "dependsOn: ['${c}']");
    let all = ["a", "b", "c", "d", "e", "f"];
    let lines = all.iter().flat_map(|name| {
        [
            format!("up --target {name} -s web"),
            format!("destroy --target {name} --target-dependents -s web"),
            format!("state rm {name} --force -s web"),
            format!("state mv {name} z -s web"),
        ]
    });
    for line in lines {
        let project = Project::with(&["web"]);
        let file = project.path().join("stacks/web.yaml");
        std::fs::write(&file, FIRST).unwrap();
        project.good("up -s web");
        std::fs::write(&file, &second).unwrap();
        project.run(&line);
        let said = project.run("preview -s web");
        assert!(!said.err.contains("is not sound"), "after `{line}`: {}", said.err);
    }
}

#[test]
fn a_stack_is_renamed_only_with_consent() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    let mut command = Command::new(env!("CARGO_BIN_EXE_drctl"));
    command.args(["stack", "rename", "shop", "-s", "web", "--local"]).current_dir(project.path()).stdin(Stdio::null());
    let said = Said::of(&command.output().unwrap()).ends_with(2);
    assert!(said.err.contains("`drctl stack rename` changes things"), "{}", said.err);
    project.good("stack rename shop -s web");
}

#[test]
fn one_state_that_cannot_be_read_hides_no_other() {
    let project = Project::with(&["web", "shop"]);
    project.good("up -s web");
    project.good("up -s shop");
    let state = project.dir_of("shop").join("state.json");
    std::fs::remove_file(&state).unwrap();
    std::fs::create_dir(&state).unwrap();
    let said = project.run("stack ls").ends_with(2);
    let line = |stack: &str| said.out.lines().find(|line| line.starts_with(stack)).unwrap().to_owned();
    assert!(line("web").contains('2'), "{}", said.out);
    assert!(line("shop").contains("it is no regular file"), "{}", said.out);
}

#[test]
fn a_directory_in_the_place_of_a_stack_file_is_called_one() {
    let project = Project::with(&["web"]);
    std::fs::create_dir(project.path().join("stacks/d.yaml")).unwrap();
    let said = project.refused("preview -s d", 6);
    assert!(said.contains("`stacks/d.yaml` is a directory, and a stack is a file"), "{said}");
    project.write("web", format!("extends: ./d.yaml{NET}"));
    let said = project.refused("preview -s web", 2);
    assert!(said.contains("d.yaml` is a directory, and a file is needed"), "{said}");
}

#[test]
fn no_file_that_would_fill_the_memory_is_read() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    project.good("preview -s web --save-plan plan.json");
    let stack = project.dir_of("web");
    let (document, log) = (4_000_000, 16_000_000);
    let many = [
        (stack.join("state.json"), document, "preview -s web"),
        (stack.join("journal.jsonl"), log, "up -s web"),
        (stack.with_file_name("world.json"), document, "local inspect"),
        (stack.with_file_name("world.log"), log, "preview -s web"),
        (project.path().join("plan.json"), document, "up -s web --plan plan.json"),
        (project.path().join("import.json"), document, "stack import import.json -s web"),
    ];
    for (file, most, line) in many {
        let before = std::fs::read(&file).ok();
        let zeros = "0,".repeat(most);
        std::fs::write(&file, format!("{{\"version\": 1, \"x\": [{zeros}0]}}\n")).unwrap();
        let said = project.run(line);
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let told = said.err.contains(&format!("more than {most} values"));
        assert!(said.code != Some(0) && told, "drctl {line}: {said:?}");
        assert!(said.err.contains(&name), "drctl {line}: {said:?}");
        // Without a byte on the disk.
        std::fs::File::create(&file).unwrap().set_len((512 << 20) + 1).unwrap();
        let said = project.run(line);
        assert!(said.code != Some(0) && said.err.contains(&name), "drctl {line}: {said:?}");
        match before {
            Some(bytes) => std::fs::write(&file, bytes).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
    }
    project.good("preview -s web --expect-no-changes");
}

#[test]
fn an_editor_that_writes_in_place_does_not_reach_the_backups() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    let state = project.dir_of("web").join("state.json");
    std::fs::write(&state, "half a sta").unwrap();
    assert!(project.refused("up -s web", 2).contains("backups"));
    let backups = std::fs::read_dir(project.dir_of("web").join("backups")).unwrap();
    let newest = backups.map(|entry| entry.unwrap().path()).max().unwrap();
    project.good(&format!("stack import {} -s web", newest.display()));
    project.good("preview -s web --expect-no-changes");
}

#[test]
fn a_state_of_another_stack_is_refused_though_it_lies_in_the_place_of_this_one() {
    let project = Project::with(&["web", "shop"]);
    project.good("up -s web");
    std::fs::create_dir_all(project.dir_of("shop")).unwrap();
    std::fs::copy(project.dir_of("web").join("state.json"), project.dir_of("shop").join("state.json")).unwrap();
    for line in ["preview -s shop", "up -s shop", "destroy -s shop", "refresh -s shop"] {
        let text = project.refused(line, 2);
        assert!(text.contains("the state is of stack `web` on `twin`"), "drctl {line}:\n{text}");
    }
}

#[test]
fn what_marks_a_state_is_refused_where_nobody_can_agree() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    for line in ["protect vpc", "unprotect vpc", "taint vpc", "untaint vpc", "mv vpc net"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drctl"));
        command.args(["state"]).args(line.split(' ')).args(["-s", "web", "--local"]);
        let output = command.current_dir(project.path()).stdin(Stdio::null()).output().unwrap();
        let text = Said::of(&output).ends_with(2).err;
        assert!(text.contains("give `--yes`"), "{line}: {text}");
    }
}

#[test]
fn a_preview_alone_leaves_no_state_to_be_lost() {
    let project = Project::with(&["web"]);
    project.good("preview -s web");
    project.good("preview -s web");
    project.good("up -s web");
}

#[test]
fn runs_of_several_stacks_on_the_twin_lose_nothing_of_each_other() {
    let stacks = ["a", "b", "c", "d", "e"];
    let project = Project::with(&stacks);
    let run = |stack: &&str| {
        let mut command = project.command(&format!("up -s {stack}"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = stacks.iter().map(run).collect();
    for child in running {
        Said::of(&child.wait_with_output().unwrap()).ends_with(0);
    }
    assert_eq!(project.vpcs(), stacks.len());
    for stack in stacks {
        project.good(&format!("preview -s {stack} --refresh --expect-no-changes"));
    }
}

#[tokio::test]
async fn a_command_says_whom_it_waits_for_on_the_twin_and_goes_on_when_that_ends() {
    let project = Project::with(&["web"]);
    let lock = project.path().join(".drctl/twin/world.lock");
    let holder = Owner::here("run", "up --stack other");
    let held = FileLock::take(lock, holder, Duration::ZERO, silently()).await.unwrap();
    let mut child = project.command("up -s web").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let waits = loop {
        let mut line = String::new();
        assert_ne!(std::io::BufRead::read_line(&mut said, &mut line).unwrap(), 0, "it does not wait");
        if line.contains("Waiting for the twin") {
            break line;
        }
    };
    assert!(waits.contains("`up --stack other`"), "{waits}");
    drop(held);
    std::io::copy(&mut said, &mut std::io::sink()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn a_reset_of_the_twin_removes_nothing_while_a_run_works_on_a_stack() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    let stored = States::local(project.path().join(".drctl"), "twin").of("web");
    let lock = stored.lock(Owner::here("run", "up --stack web"), Duration::ZERO, silently()).await.unwrap();
    assert!(project.refused("local reset", 1).contains("locked by"));
    drop(lock);
    project.good("preview -s web --refresh --expect-no-changes");
    project.good("local reset");
    assert_eq!(project.vpcs(), 0);
}

#[test]
fn an_import_writes_the_account_and_refuses_that_of_another_state() {
    let project = Project::with(&["web", "net"]);
    project.good("up -s web");
    let list = project.good("state ls -s web");
    let vpc = list.split_whitespace().find(|word| word.starts_with("vpc-")).unwrap().to_owned();
    project.good(&format!("import aws:ec2:Vpc vpc {vpc} -s net"));
    let path = project.dir_of("net").join("state.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let account = serde_json::from_str::<serde_json::Value>(&text).unwrap()["account"].as_str().unwrap().to_owned();
    std::fs::write(&path, text.replace(&format!("\"account\": \"{account}\""), "\"account\": \"123456789012\""))
        .unwrap();
    let subnet = list.split_whitespace().find(|word| word.starts_with("subnet-")).unwrap();
    let text = project.refused(&format!("import aws:ec2:Subnet subnet {subnet} -s net"), 3);
    assert!(text.contains("belongs to account 123456789012"), "{text}");
    assert!(!project.good("state ls -s net").contains(subnet));
}

#[test]
fn protection_by_hand_holds_until_it_is_lifted() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    project.good("state protect vpc -s web");
    project.good("up -s web --expect-no-changes");
    let wider = NET.replace("10.0.0.0/16", "10.0.0.0/20");
    project.write("web", &wider);
    assert!(project.refused("up -s web", 5).contains("`vpc` (aws:ec2/vpc:Vpc) is protected"));
    project.good("state unprotect vpc -s web");
    project.good("up -s web");
}

#[test]
fn a_change_of_outputs_alone_is_told_to_scripts() {
    let project = Project::with(&["web"]);
    project.good("up -s web");
    project.write("web", format!("{NET}outputs: {{vpc: '${{vpc.id}}'}}\n"));
    let said = project.run("preview -s web --expect-no-changes").ends_with(7);
    assert!((said.out + &said.err).contains("1 output to change"));
    project.run("preview -s web --detailed-exitcode").ends_with(2);
    assert!(project.good("up -s web").contains("1 output changed"));
    project.run("preview -s web --detailed-exitcode").ends_with(0);
}

const PARTS: &str = "
name: shop
regions: {primary: us-east-1, secondary: eu-west-1}
components:
  net: {resources: {vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}}}
resources:
  n: {type: net, region: secondary}
";
const WHOLE: &str = "
name: shop
regions: {primary: us-east-1, secondary: eu-west-1}
resources:
  vpc: {type: aws:ec2:Vpc, region: secondary, properties: {cidrBlock: 10.0.0.0/16}}
";

#[test]
fn a_resource_moves_into_a_component_and_out_of_it_as_the_program_has_it() {
    let project = Project::with(&[]);
    project.write("web", WHOLE);
    project.good("up -s web");
    let text = project.refused("state mv vpc n/vpc -s web", 2);
    for part in ["the program has no ec2:Vpc `n/vpc`", "URN"] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    project.write("web", PARTS);
    let said = project.good("state mv vpc n/vpc -s web");
    assert!(said.contains("drctl:component:net$aws:ec2/vpc:Vpc::n/vpc now.\n"), "{said}");
    project.good("preview -s web --expect-no-changes");
    project.write("web", WHOLE);
    project.good("state mv n/vpc vpc -s web");
    project.good("preview -s web --expect-no-changes");
    assert!(project.good("state mv vpc net -s web").contains("Name it so in the program"));
    project.refused("state mv net urn:pulumi:web::shop::aws:ec2/subnet:Subnet::vpc -s web", 2);
    project.refused("state mv net urn:pulumi:other::shop::aws:ec2/vpc:Vpc::vpc -s web", 2);
    project.good("state mv net urn:pulumi:web::shop::drctl:component:net$aws:ec2/vpc:Vpc::n/vpc -s web");
    project.write("web", PARTS);
    project.good("preview -s web --expect-no-changes");
    let text = project.refused("state mv n m -s web", 2);
    assert!(text.contains("the program has no ec2:Vpc `m/vpc`"), "{text}");
    project.write("web", PARTS.replace("  n:", "  m:"));
    assert!(project.good("state mv n m -s web").ends_with("net$aws:ec2/vpc:Vpc::m/vpc now.\n"));
    project.good("preview -s web --expect-no-changes");
}

#[test]
fn an_each_moves_as_a_whole() {
    let project = Project::with(&[]);
    let program = |name: &str| {
        format!(
            "
name: shop
regions: {{primary: us-east-1}}
resources:
  {name}: {{type: aws:sqs:Queue, each: {{x: 1, y: 2}}, properties: {{delaySeconds: '${{each.value}}'}}}}
  tail: {{type: aws:sqs:Queue, options: {{dependsOn: ['${{{name}}}']}}}}
"
        )
    };
    project.write("web", program("queue"));
    project.good("up -s web");
    assert!(project.good("state mv queue row -s web").contains("Name it so in the program"));
    project.good("state mv row queue -s web");
    project.write("web", program("line"));
    assert!(project.good("state mv queue line -s web").ends_with("`line` has 2 resources now.\n"));
    project.good("preview -s web --expect-no-changes");
}

#[test]
fn what_is_imported_into_a_component_is_what_the_program_has_there() {
    let project = Project::with(&[]);
    project.write("maker", WHOLE);
    project.write("taker", PARTS);
    project.good("up -s maker");
    let state = std::fs::read_to_string(project.dir_of("maker").join("state.json")).unwrap();
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    let id = state["rows"][0]["id"].as_str().unwrap();
    for (line, parts) in [
        (format!("import aws:ec2:Vpc n/vcp {id} -s taker"), ["the program has no ec2:Vpc `n/vcp`", "`n/vpc`"]),
        (format!("import aws:ec2:Subnet n/vpc {id} -s taker"), ["the program has no ec2:Subnet `n/vpc`", "declare it"]),
        (format!("import aws:ec2:Vpc n/vpc {id} -s taker --region us-east-1"), ["in eu-west-1", "not in us-east-1"]),
    ] {
        let text = project.refused(&line, 2);
        for part in parts {
            assert!(text.contains(part), "drctl {line}: `{part}` is not in:\n{text}");
        }
    }
    let said = project.run(&format!("import aws:ec2:Vpc n/vpc {id} -s taker --protect false")).ends_with(0);
    assert!(said.out.is_empty() && said.err.contains("The program has ec2:Vpc n/vpc already"), "{said:?}");
    project.good("preview -s taker --expect-no-changes");
}

#[test]
fn a_state_of_another_stack_is_taken_over_by_force_as_that_of_this_one() {
    let project = Project::with(&["web", "shop"]);
    project.good("up -s web");
    project.good("stack export -s web -o web.json");
    assert!(project.refused("stack import web.json -s shop", 2).contains("web"));
    project.good("stack import web.json -s shop --force");
    project.good("state check -s shop");
    project.good("preview -s shop --expect-no-changes");
    project.good("up -s shop");
    project.good("destroy -s shop");
    assert_eq!(project.vpcs(), 0);
}
