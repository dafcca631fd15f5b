//! The tags that a specification demands, asked of the cloud for every resource that takes tags.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use drctl::engine::planner::Mode;
use drctl::engine::provider::{KindAt, Provider};
use drctl::engine::resource::{Seen, Want};
use drctl::engine::state::{Row, State};
use drctl::engine::value::Value;
use drctl::stack;
use serde_json::json;

use crate::stacks::{Shipped, completed};
use crate::support::stage::told;
use crate::whole_life::row;

/// The tags that a resource has to have, by where it is.
pub type Demand = fn(&Row) -> Vec<(&'static str, &'static str)>;

/// Reads every resource whose type takes tags, but for those that the endpoint could not make; gives how
/// many that were.
///
/// # Panics
/// If one of them lacks a tag, or if what it starts would lack it.
pub async fn carry_their_tags(state: &State, cloud: &dyn Provider, demand: Demand) -> usize {
    let mut kinds: BTreeMap<KindAt, Vec<&Row>> = BTreeMap::new();
    for row in state.rows.values() {
        let schema = cloud.catalog().find(&row.ty).unwrap();
        if schema.inputs.get("tags").is_some() && !row.is_skipped() {
            kinds.entry(KindAt { ty: row.ty.clone(), place: row.place.clone() }).or_default().push(row);
        }
    }
    let want = Want::Only(BTreeSet::from(["tags", "tagSpecifications"].map(str::to_owned)));
    for (kind, rows) in &kinds {
        let ids: Vec<_> = rows.iter().map(|row| row.id.clone().unwrap()).collect();
        let seen = cloud.read(kind, &ids, &want).await.unwrap();
        for (row, seen) in rows.iter().zip(seen) {
            let name = row.key.urn.name();
            let Seen::Ready(live) = seen else { panic!("{name} is {seen:?}") };
            for tags in carried(&live.inputs) {
                for (key, value) in demand(row) {
                    assert_eq!(tags.get(key).map(String::as_str), Some(value), "`{key}` of {name} in {}", row.place.0);
                }
            }
        }
    }
    kinds.values().map(Vec::len).sum()
}

/// The tags of a resource, and the sets of tags that it gives to what it starts.
fn carried(inputs: &Value) -> Vec<BTreeMap<String, String>> {
    let parts = inputs.get("tagSpecifications").and_then(Value::as_list).unwrap_or_default();
    let given = parts.iter().map(|part| part.get("tags").unwrap_or(&Value::Null));
    [inputs.get("tags").unwrap_or(&Value::Null)].into_iter().chain(given).map(tags).collect()
}

fn tags(given: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of_map = given.as_map().into_iter().flatten().map(|(key, value)| (key.clone(), text(value)));
    let of_list = given.as_list().unwrap_or_default().iter();
    let passed_on =
        of_list.filter(|tag| tag.get("propagateAtLaunch").is_none_or(|passed| *passed == Value::from(true)));
    of_map.chain(passed_on.map(|tag| (text(tag.get("key").unwrap()), text(tag.get("value").unwrap())))).collect()
}

#[tokio::test(start_paused = true)]
async fn default_tags_reach_what_a_group_or_a_template_starts() {
    let mut shipped = Shipped::new();
    shipped.up(&format!("regions: {{primary: us-east-1}}\ntags: {{Owner: stack, Team: a}}{STARTS}")).await;
    let given = |name: &str, input: &str| row(&shipped.stage.state, name).inputs.get(input).unwrap().to_json().unwrap();
    let tag = |key: &str, value: &str, launch: bool| json!({"key": key, "value": value, "propagateAtLaunch": launch});
    assert_eq!(given("group", "tags"), json!([tag("Team", "a", true), tag("Owner", "own", false)]));
    assert_eq!(given("bare", "tags"), json!([tag("Owner", "stack", true), tag("Team", "a", true)]));
    assert_eq!(given("template", "tags"), json!({"Owner": "stack", "Team": "a"}));
    assert_eq!(
        given("template", "tagSpecifications"),
        json!([
            {"resourceType": "volume", "tags": {"Owner": "stack", "Team": "a"}},
            {"resourceType": "instance", "tags": {"Owner": "own", "Team": "a"}},
        ])
    );
}

#[tokio::test(start_paused = true)]
async fn default_tags_of_pulumis_provider_stay_on_what_the_provider_tags() {
    let project = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| std::fs::write(project.path().join(file), text).unwrap();
    let provider = "{type: pulumi:providers:aws, defaultProvider: true, properties: {defaultTags: {tags: {Team: a}}}}";
    write("Pulumi.yaml", &format!("name: test\nruntime: yaml{STARTS}  aws: {provider}\n"));
    write("Pulumi.test.yaml", "config:\n  aws:region: us-east-1\n  aws:defaultTags: {tags: {Owner: ops}}\n");
    let request = stack::Request {
        stack: "test".into(),
        cwd: project.path().to_owned(),
        config: Vec::new(),
        environment: BTreeMap::new(),
    };
    let mut shipped = Shipped::new();
    let loaded = stack::load(&request, shipped.stage.cloud.catalog()).unwrap_or_else(|p| panic!("{}", told(&p)));
    let report = shipped.stage.run(Some(Arc::new(loaded.program)), Mode::Up).await;
    completed(report.unwrap_or_else(|p| panic!("{}", told(&p))));
    let given = |name: &str, input: &str| row(&shipped.stage.state, name).inputs.get(input).unwrap().to_json().unwrap();
    assert_eq!(given("template", "tags"), json!({"Owner": "ops", "Team": "a"}));
    assert_eq!(given("group", "tags"), json!([{"key": "Owner", "value": "own", "propagateAtLaunch": false}]));
    assert_eq!(given("bare", "tags"), json!([]));
    let started = given("template", "tagSpecifications");
    assert_eq!((&started[0]["tags"], &started[1]["tags"]), (&json!(null), &json!({"Owner": "own"})));
}

const STARTS: &str = "
resources:
  template:
    type: aws:ec2:LaunchTemplate
    properties:
      instanceType: t3.micro
      tagSpecifications: [{resourceType: volume}, {resourceType: instance, tags: {Owner: own}}]
  group:
    type: aws:autoscaling:Group
    properties:
      minSize: 0
      maxSize: 0
      availabilityZones: [us-east-1a]
      launchTemplate: {id: \"${template.id}\"}
      tags: [{key: Owner, value: own, propagateAtLaunch: false}]
  bare:
    type: aws:autoscaling:Group
    properties: {minSize: 0, maxSize: 0, availabilityZones: [us-east-1a], launchTemplate: {id: \"${template.id}\"}}
";
