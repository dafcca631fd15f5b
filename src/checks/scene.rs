//! The program as rules walk through it: resources, their inputs, and what these name.

use std::collections::HashMap;

use ipnet::Ipv4Net;

use crate::engine::decide::ignored;
use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::path::Path;
use crate::engine::provider::Catalog;
use crate::engine::resource::Where;
use crate::engine::schema::TypeSchema;
use crate::engine::urn::Place;
use crate::engine::value::Value;
use crate::stack::{Link, StackProgram, Surveyed, Written};

/// All resources of a program.
pub(super) struct Scene<'a> {
    resources: Vec<Surveyed<'a>>,
    catalog: &'a Catalog,
    /// No resource of the text is missing here.
    is_whole: bool,
    by_type: HashMap<&'a str, Vec<usize>>,
    /// By type, and by the id as far as it follows from the inputs.
    by_id: HashMap<(&'a str, String), Vec<usize>>,
}

impl<'a> Scene<'a> {
    pub(super) fn of_program(program: &'a StackProgram) -> Self {
        let resources = program.survey();
        let mut by_type: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut by_id: HashMap<(&str, String), Vec<usize>> = HashMap::new();
        for (i, resource) in resources.iter().enumerate().filter(|(_, r)| r.declaration.external.is_none()) {
            by_type.entry(resource.schema.token).or_default().push(i);
            if let Some(id) = resource.schema.predicted_id(&resource.values) {
                by_id.entry((resource.schema.token, id.0)).or_default().push(i);
            }
        }
        Self { resources, catalog: program.catalog(), is_whole: program.is_whole(), by_type, by_id }
    }

    /// The resources of a type that the program manages.
    pub(super) fn of<'s>(&'s self, token: &str) -> impl Iterator<Item = Item<'s>> {
        let found = self.by_type.get(token).into_iter().flatten();
        found.map(|index| Item { scene: self, index: *index })
    }

    /// All resources that the program manages.
    pub(super) fn all(&self) -> impl Iterator<Item = Item<'_>> {
        let managed = self.resources.iter().enumerate().filter(|(_, r)| r.declaration.external.is_none());
        managed.map(|(index, _)| Item { scene: self, index })
    }

    /// The types that the program is made of.
    pub(super) fn catalog(&self) -> &'a Catalog {
        self.catalog
    }

    /// A resource of a type, by its id.
    pub(super) fn named<'s>(&'s self, token: &str, id: &str) -> Option<Item<'s>> {
        let token = self.by_type.get_key_value(token)?.0;
        let index = *self.by_id.get(&(*token, id.to_owned()))?.first()?;
        Some(Item { scene: self, index })
    }

    /// Whether no resource of the text is missing here.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether all of a type are known, and what one of their inputs names. Else nothing follows from finding
    /// none.
    pub(super) fn knows_all(&self, token: &str, input: &'static str) -> bool {
        let is_known = |field: Field<'_>| field.text().is_some() || field.linked().next().is_some();
        self.is_whole && self.of(token).all(|item| is_known(item.field(input)))
    }

    /// Those of a type, by what one of their inputs names.
    pub(super) fn by_target<'s>(&'s self, token: &str, input: &'static str, of: &str) -> HashMap<usize, Vec<Item<'s>>> {
        let mut found: HashMap<usize, Vec<Item<'s>>> = HashMap::new();
        for item in self.of(token) {
            if let Some(target) = item.field(input).target(of) {
                found.entry(target.index).or_default().push(item);
            }
        }
        found
    }
}

/// One resource.
#[derive(Clone, Copy)]
pub(super) struct Item<'s> {
    scene: &'s Scene<'s>,
    /// Which one, to find it again.
    pub(super) index: usize,
}

impl<'s> Item<'s> {
    fn surveyed(self) -> &'s Surveyed<'s> {
        &self.scene.resources[self.index]
    }

    pub(super) fn schema(self) -> &'s TypeSchema {
        self.surveyed().schema
    }

    pub(super) fn is(self, token: &str) -> bool {
        self.schema().token == token
    }

    /// Whether the program makes it, in place of only reading it.
    pub(super) fn is_managed(self) -> bool {
        self.surveyed().declaration.external.is_none()
    }

    /// Whether that is the ARN that it has or will have, as far as it follows from the inputs. The
    /// account is not known here, and taken to be that of the ARN.
    fn has_arn(self, arn: &str) -> bool {
        let mut parts = arn.split(':').skip(1);
        let partition = parts.next().unwrap_or_default().to_owned();
        let account = parts.nth(2).unwrap_or_default().to_owned();
        let id = self.schema().predicted_id(self.values());
        let at = Where { partition, account, region: self.place().clone(), id };
        let outputs = (self.schema().foresee)(self.values(), &at);
        outputs.iter().any(|(name, value)| *name == "arn" && value.as_str() == Some(arn))
    }

    /// What the program does not want to change, which the state decides.
    pub(super) fn ignored(self) -> Vec<Path> {
        ignored(&self.surveyed().declaration.options)
    }

    /// The name in the program.
    pub(super) fn name(self) -> &'s str {
        self.surveyed().declaration.urn.name()
    }

    pub(super) fn place(self) -> &'s Place {
        &self.surveyed().declaration.place
    }

    pub(super) fn at(self) -> Location {
        self.surveyed().at()
    }

    /// All inputs, as a map whose values may be unknown.
    pub(super) fn values(self) -> &'s Value {
        &self.surveyed().values
    }

    /// All inputs as written, with links for what other resources give.
    pub(super) fn links(self) -> &'s Value {
        &self.surveyed().links
    }

    /// An input, given or not.
    pub(super) fn field(self, name: &'s str) -> Field<'s> {
        self.whole().field(name)
    }

    /// Every text in the inputs, however deep.
    pub(super) fn texts(self) -> Vec<Field<'s>> {
        let mut found = Vec::new();
        self.whole().collect(&mut found);
        found
    }

    /// All inputs as one field.
    pub(super) fn whole(self) -> Field<'s> {
        let Surveyed { values, links, .. } = self.surveyed();
        Field { owner: self, name: "", value: values, link: links, written: self.surveyed().written() }
    }

    /// A mistake of the resource as a whole.
    pub(super) fn wrong(self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error("", message).at(self.at()).of(&self.surveyed().declaration.urn)
    }
}

static NOTHING: Value = Value::Null;
static UNKNOWN: Value = Value::Unknown;

/// An input of a resource, or a part of one.
#[derive(Clone, Copy)]
pub(super) struct Field<'s> {
    pub(super) owner: Item<'s>,
    /// The name that it has, or the list around it.
    pub(super) name: &'s str,
    value: &'s Value,
    link: &'s Value,
    written: Written<'s>,
}

impl<'s> Field<'s> {
    fn part(self, name: &'s str, value: Option<&'s Value>, link: Option<&'s Value>, written: Written<'s>) -> Self {
        let link = link.unwrap_or(&NOTHING);
        // What is written but could not be evaluated is there and unknown.
        let lost = matches!(self.value.bare(), Value::Unknown) || value.is_none() && !link.is_null();
        let value = value.unwrap_or(if lost { &UNKNOWN } else { &NOTHING });
        Self { owner: self.owner, name, value, link, written }
    }

    /// A part of a map.
    pub(super) fn field(self, name: &'s str) -> Self {
        self.part(name, self.value.get(name), self.link.get(name), self.written.entry(name))
    }

    /// The items of a list.
    pub(super) fn items(self) -> impl Iterator<Item = Self> {
        let (values, links) = (self.value.as_list().unwrap_or_default(), self.link.as_list().unwrap_or_default());
        let item = move |n: usize| self.part(self.name, values.get(n), links.get(n), self.written.item(n));
        (0..values.len().max(links.len())).map(item)
    }

    /// The entries of a map.
    pub(super) fn entries(self) -> impl Iterator<Item = Self> {
        let known = self.value.as_map().into_iter().flatten();
        known.map(move |(name, _)| self.field(name))
    }

    fn collect(self, found: &mut Vec<Self>) {
        match (self.value.bare(), self.link.bare()) {
            (Value::Map(_), _) => self.entries().for_each(|entry| entry.collect(found)),
            (Value::List(_), _) | (_, Value::List(_)) => self.items().for_each(|item| item.collect(found)),
            (Value::String(_), _) | (_, Value::String(_)) => found.push(self),
            _ => {}
        }
    }

    /// The text, if it is known and not secret.
    pub(super) fn text(self) -> Option<&'s str> {
        match self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn integer(self) -> Option<i64> {
        match self.value.bare() {
            Value::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    pub(super) fn is_true(self) -> bool {
        self.value.as_bool() == Some(true)
    }

    /// Whether there is a value, known or not.
    pub(super) fn is_given(self) -> bool {
        !self.value.is_null()
    }

    /// Whether there surely is no value. Beside a mistake it may have been meant to be given.
    pub(super) fn is_missing(self) -> bool {
        self.value.is_null() && self.owner.surveyed().is_sound
    }

    /// Whether there is a value other than `false`, known or not.
    pub(super) fn is_wanted(self) -> bool {
        self.is_given() && self.value.as_bool() != Some(false)
    }

    /// Whether the value surely is another one than `true`.
    pub(super) fn is_not_true(self) -> bool {
        self.value.as_bool() == Some(false) || self.is_missing()
    }

    /// Whether the value is a list whose items are all there, known or not. The links are none of it: what
    /// functions make of them is not what they will make of the values.
    pub(super) fn is_list(self) -> bool {
        self.value.as_list().is_some()
    }

    /// An IPv4 range, with the host part as it is written.
    pub(super) fn range(self) -> Option<Ipv4Net> {
        self.text()?.parse().ok()
    }

    /// The resources that the text names.
    pub(super) fn linked(self) -> impl Iterator<Item = Item<'s>> {
        let text = self.link_text().unwrap_or_default();
        Link::all(text).map(move |link| Item { scene: self.owner.scene, index: link.resource })
    }

    /// What is written; a resource as a whole stands for its id.
    fn link_text(self) -> Option<&'s str> {
        match self.link.bare() {
            Value::Resource(handle) => handle.id.as_str(),
            text => text.as_str(),
        }
    }

    /// Whether it is written with what other resources give.
    pub(super) fn is_linked(self) -> bool {
        !self.link.is_null()
    }

    /// The property of another resource that the text is, and nothing else.
    pub(super) fn link(self) -> Option<(Item<'s>, &'s str)> {
        let link = Link::all(self.link_text()?).next().filter(|link| link.whole)?;
        Some((Item { scene: self.owner.scene, index: link.resource }, link.property))
    }

    /// The resource of that type that the text names, by a reference, by its id or by its ARN. One that
    /// the program only reads is none: nothing is known of its inputs.
    pub(super) fn target(self, token: &str) -> Option<Item<'s>> {
        if let Some(linked) = self.linked().find(|item| item.is(token)) {
            return Some(linked).filter(|item| item.is_managed());
        }
        let scene = self.owner.scene;
        let (token, text) = (scene.by_type.get_key_value(token)?.0, self.text()?);
        if text.starts_with("arn:") {
            return scene.of(token).find(|item| item.has_arn(text));
        }
        let named = scene.by_id.get(&(*token, text.to_owned()))?;
        let items = || named.iter().map(|index| Item { scene, index: *index });
        items().find(|item| item.place() == self.owner.place() || item.place().is_global()).or_else(|| items().next())
    }

    /// The region of what the text names: of the resource behind the reference, or of an ARN.
    pub(super) fn region(self) -> Option<&'s str> {
        if let Some((item, _)) = self.link() {
            return Some(item.place()).filter(|place| !place.is_global()).map(|place| place.0.as_str());
        }
        let region = self.text()?.strip_prefix("arn:")?.split(':').nth(2)?;
        (!region.is_empty()).then_some(region)
    }

    /// The region of what the text names, if the owner lives in another one.
    pub(super) fn elsewhere(self) -> Option<&'s str> {
        let place = self.owner.place();
        self.region().filter(|region| !place.is_global() && *region != place.0)
    }

    pub(super) fn at(self) -> Location {
        self.written.at()
    }

    /// A mistake that is shown here.
    pub(super) fn wrong(self, message: impl Into<String>) -> Diagnostic {
        Diagnostic { at: Some(self.at()), ..self.owner.wrong(message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::testing::{Desk, shown};

    const PROGRAM: &str = "
name: test
runtime: yaml
regions: {primary: us-east-1, secondary: eu-west-1}
components:
  alerts:
    resources:
      topic: {type: aws:sns:Topic}
    outputs: {arn: '${topic.arn}'}
  watch:
    inputs: {topics: {type: object}}
    resources:
      alarm:
        type: aws:cloudwatch:MetricAlarm
        properties: {metricName: m, namespace: n, alarmActions: ['${topics[region.role]}']}
variables:
  topics: {primary: '${near.arn}', secondary: '${far.arn}'}
resources:
  near: {type: alerts}
  far: {type: alerts, region: secondary}
  here: {type: watch, properties: {topics: '${topics}'}}
  there: {type: watch, region: secondary, properties: {topics: '${topics}'}}
  net: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  part: {type: aws:ec2:Subnet, properties: {vpcId: '${net.id}', cidrBlock: {'fn::cidrSubnet': ['${net.cidrBlock}', 8, 3]}}}
  group: {type: aws:cloudwatch:LogGroup, properties: {name: /a}}
  calls: {type: aws:sns:Topic, region: secondary, properties: {name: calls}}
  audit:
    type: aws:cloudwatch:MetricAlarm
    region: secondary
    properties:
      metricName: m
      namespace: n
      alarmActions:
        - arn:aws:sns:eu-west-1:123456789012:calls
        - arn:aws:sns:us-east-1:123456789012:calls
        - arn:aws:sns:eu-west-1:123456789012:others
  filter:
    type: aws:cloudwatch:LogSubscriptionFilter
    properties: {logGroup: /a, filterPattern: '', destinationArn: 'arn:aws:lambda:eu-west-1:1:function:f'}
";

    fn look<T>(walk: impl Fn(&Scene<'_>) -> T) -> T {
        let desk = Desk::of(PROGRAM);
        let loaded = crate::stack::load(&desk.request, crate::aws::catalog());
        let loaded = loaded.unwrap_or_else(|problems| panic!("{}", shown(&problems)));
        walk(&Scene::of_program(&loaded.program))
    }

    fn item<'s>(scene: &'s Scene<'s>, name: &str) -> Item<'s> {
        scene.all().find(|item| item.name() == name).unwrap()
    }

    #[test]
    fn a_reference_is_followed_through_components_and_variables_to_the_right_one() {
        look(|scene| {
            for (alarm, topic) in [("here/alarm", "near/topic"), ("there/alarm", "far/topic")] {
                let action = item(scene, alarm).field("alarmActions").items().next().unwrap();
                assert_eq!(action.link().map(|(item, property)| (item.name(), property)), Some((topic, "arn")));
                assert_eq!(action.elsewhere(), None);
            }
        });
    }

    #[test]
    fn what_follows_from_another_resource_is_known_if_that_is() {
        look(|scene| {
            let part = item(scene, "part");
            assert_eq!(part.field("cidrBlock").text(), Some("10.0.3.0/24"));
            assert_eq!(part.field("vpcId").text(), None);
            assert!(part.field("vpcId").is_given() && !part.field("outpostArn").is_given());
            assert_eq!(part.field("vpcId").target("aws:ec2/vpc:Vpc").unwrap().name(), "net");
        });
    }

    #[test]
    fn a_name_or_an_arn_tells_what_is_meant_too() {
        look(|scene| {
            let filter = item(scene, "filter");
            assert_eq!(filter.field("logGroup").target("aws:cloudwatch/logGroup:LogGroup").unwrap().name(), "group");
            assert_eq!(filter.field("destinationArn").elsewhere(), Some("eu-west-1"));
            let sources = item(scene, "audit").field("alarmActions");
            let named = sources.items().map(|arn| arn.target("aws:sns/topic:Topic").map(Item::name));
            assert_eq!(named.collect::<Vec<_>>(), [Some("calls"), None, None]);
        });
    }
}
