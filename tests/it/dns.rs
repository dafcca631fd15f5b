//! Route 53 on a real API server, behind a gate that lets five requests a second pass: changes of many
//! records go out together.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::support::ask::Ask;
use crate::support::emulator::ministack;
use crate::support::lab::{Lab, Said};
use crate::support::proxy::{Fault, Proxy};
use crate::support::wire::Refusal;

const CHANGE: &str = "route53:POST hostedzone/rrset";

/// Throttles Route 53 as AWS does: five requests a second from an account.
fn quota() -> impl FnMut(&Ask) -> Option<Fault> + Send + 'static {
    let mut passed: VecDeque<Instant> = VecDeque::new();
    move |ask| {
        if ask.service != "route53" {
            return None;
        }
        let now = Instant::now();
        while passed.front().is_some_and(|first| now.duration_since(*first) >= Duration::from_secs(1)) {
            passed.pop_front();
        }
        if passed.len() == 5 {
            return Some(Fault::Throttled);
        }
        passed.push_back(now);
        None
    }
}

/// A lab whose only stack is this text.
fn lab(text: &str) -> Lab {
    let lab = Lab::new(ministack());
    write(&lab, text);
    lab
}

fn write(lab: &Lab, text: &str) {
    let file: PathBuf = lab.path().join("stacks/lab.yaml");
    std::fs::write(file, text).unwrap();
}

fn run(lab: &Lab, line: &str) -> (Said, Vec<String>) {
    let proxy = Proxy::breaking(ministack(), quota());
    let said = lab.run_at(&proxy.endpoint, line);
    (said, proxy.take().iter().map(Ask::name).collect())
}

fn changes(asked: &[String]) -> usize {
    asked.iter().filter(|name| *name == CHANGE).count()
}

fn two_hundred(ttl: u32) -> String {
    let names: Vec<String> = (0..200).map(|n| format!("n{n}")).collect();
    let names = names.join(", ");
    format!(
        "
name: lab
runtime: yaml
regions: {{primary: us-east-1}}
resources:
  zone: {{type: aws:route53:Zone, properties: {{name: example.com}}}}
  record:
    type: aws:route53:Record
    each: [{names}]
    properties:
      zoneId: ${{zone.zoneId}}
      name: ${{each.value}}
      type: A
      ttl: {ttl}
      records: ['192.0.2.1']
"
    )
}

#[test]
fn two_hundred_records_come_and_go_under_five_requests_a_second_in_a_few_changes() {
    let lab = lab(&two_hundred(60));
    let (said, asked) = run(&lab, "up --yes");
    let said = said.ends_with(0);
    assert!(said.err.contains("201 created"), "{}", said.err);
    assert!(changes(&asked) < 10, "{} changes of {} requests", changes(&asked), asked.len());
    lab.run("preview --refresh --expect-no-changes").ends_with(0);
    write(&lab, &two_hundred(300));
    let (said, asked) = run(&lab, "up --yes");
    assert!(said.ends_with(0).err.contains("200 updated"));
    assert!(changes(&asked) < 10, "{} changes of {} requests", changes(&asked), asked.len());
    let (said, asked) = run(&lab, "destroy --yes");
    assert!(said.ends_with(0).err.contains("201 deleted"));
    assert!(changes(&asked) < 10, "{} changes of {} requests", changes(&asked), asked.len());
}

fn pair(primary: &str, secondary: &str) -> String {
    let record = |name: &str, role: &str, value: &str| {
        format!(
            "
  {name}:
    type: aws:route53:Record
    properties:
      zoneId: ${{zone.zoneId}}
      name: api
      type: A
      ttl: 60
      records: ['{value}']
      setIdentifier: {name}
      healthCheckId: ${{{name}Check.id}}
      failoverRoutingPolicies: [{{type: {role}}}]
  {name}Check: {{type: aws:route53:HealthCheck, properties: {{type: TCP, ipAddress: {value}, port: 443}}}}"
        )
    };
    let (one, two) = (record("one", primary, "192.0.2.1"), record("two", secondary, "192.0.2.2"));
    format!(
        "
name: lab
runtime: yaml
regions: {{primary: us-east-1}}
resources:
  zone: {{type: aws:route53:Zone, properties: {{name: example.com}}}}{one}{two}
"
    )
}

#[test]
fn the_records_of_a_failover_pair_are_made_swapped_and_removed_in_one_change_each() {
    let lab = lab(&pair("PRIMARY", "SECONDARY"));
    let (said, asked) = run(&lab, "up --yes");
    said.ends_with(0);
    assert_eq!(changes(&asked), 1);
    write(&lab, &pair("SECONDARY", "PRIMARY"));
    let (said, asked) = run(&lab, "up --yes");
    assert!(said.ends_with(0).err.contains("2 updated"));
    assert_eq!(changes(&asked), 1);
    lab.run("preview --refresh --expect-no-changes").ends_with(0);
    let (said, asked) = run(&lab, "destroy --yes");
    said.ends_with(0);
    assert_eq!(changes(&asked), 1);
}

#[test]
fn changes_are_awaited_until_all_name_servers_have_them_and_those_of_one_call_once() {
    let lab = lab(&two_hundred(60));
    let (said, asked) = run(&lab, "up --yes --json");
    let said = said.ends_with(0);
    let looks = asked.iter().filter(|name| *name == "route53:GET change").count();
    // MiniStack lets a change be pending when it is first asked for.
    assert!((1..20).contains(&looks), "{looks}");
    assert!(said.out.contains("on its way to the name servers"), "{}", said.out);
}

#[test]
fn an_endpoint_that_knows_no_changes_ends_the_run_unless_it_may_be_skipped() {
    const LACKS: Refusal = Refusal { status: 501, code: "NotImplemented", message: "GetChange is not implemented" };
    let lacking = |lab: &Lab, line: &str| {
        let refuse = |ask: &Ask| (ask.name() == "route53:GET change").then_some(Fault::Refused(LACKS));
        let proxy = Proxy::breaking(ministack(), refuse);
        lab.run_at(&proxy.endpoint, line)
    };
    let strict = lab(&pair("PRIMARY", "SECONDARY"));
    let said = lacking(&strict, "up --yes").ends_with(4);
    assert!(said.err.contains("route53:GetChange"), "{}", said.err);
    let lenient = lab(&pair("PRIMARY", "SECONDARY"));
    let said = lacking(&lenient, "up --yes --skip-unsupported").ends_with(0);
    assert!(said.err.contains("skipped: route53:GetChange for `"), "{}", said.err);
}

#[test]
fn a_record_that_is_named_in_a_refusal_fails_alone_and_the_next_run_makes_only_what_is_left() {
    const REFUSAL: Refusal = Refusal {
        status: 400,
        code: "InvalidChangeBatch",
        message: "[Tried to create resource record set [name=\'n7.example.com.\', type=\'A\'] but it already exists]",
    };
    let lab = lab(&two_hundred(60));
    let mut refused = false;
    let proxy = Proxy::breaking(ministack(), move |ask| {
        let first = !refused && ask.name() == CHANGE;
        refused |= first;
        first.then_some(Fault::Refused(REFUSAL))
    });
    let said = lab.run_at(&proxy.endpoint, "up --yes").ends_with(4);
    assert!(said.err.contains("1 step failed; 200 created"), "{}", said.err);
    assert!(said.err.contains("but it already exists"), "{}", said.err);
    let asked: Vec<String> = proxy.take().iter().map(Ask::name).collect();
    assert!(changes(&asked) < 10, "{}", changes(&asked));
    let said = lab.run("up --yes").ends_with(0);
    assert!(said.err.contains("1 created"), "{}", said.err);
    lab.run("preview --refresh --expect-no-changes").ends_with(0);
}
