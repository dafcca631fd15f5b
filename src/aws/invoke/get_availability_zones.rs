use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Filter, Function, filters};
use crate::aws::Cx;
use crate::engine::error::{Result, need};

/// The availability zones of the region.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetAvailabilityZones {
    /// Whether zones count that the account has not opted in to.
    #[serde(default)]
    all_availability_zones: bool,
    /// Names of zones that do not count.
    #[serde(default)]
    exclude_names: Vec<String>,
    /// Ids of zones that do not count.
    #[serde(default)]
    exclude_zone_ids: Vec<String>,
    /// Conditions that all must hold.
    #[serde(default)]
    filters: Vec<Filter>,
    /// State that zones must be in, for example `available`.
    state: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    /// Groups of the zones.
    group_names: Vec<String>,
    /// The region.
    id: String,
    /// Names of the zones, in order, for example `eu-west-1a`.
    names: Vec<String>,
    /// Ids of the zones, in the order of the names, for example `euw1-az1`.
    zone_ids: Vec<String>,
}

impl Function for GetAvailabilityZones {
    const TOKEN: &'static str = "aws:index/getAvailabilityZones:getAvailabilityZones";
    const PERMISSIONS: &'static [&'static str] = &["ec2:DescribeAvailabilityZones"];
    type Answer = Answer;

    async fn call(self, cx: &Cx) -> Result<Answer> {
        let state = self.state.map(|state| Filter { name: "state".into(), values: vec![state] });
        let reply = cx
            .ec2()
            .describe_availability_zones()
            .all_availability_zones(self.all_availability_zones)
            .set_filters(filters(self.filters.into_iter().chain(state).collect()))
            .send()
            .await?;
        let mut zones = Vec::new();
        for zone in reply.availability_zones.into_iter().flatten() {
            let (name, id) = (need("ZoneName", zone.zone_name)?, need("ZoneId", zone.zone_id)?);
            if !self.exclude_names.contains(&name) && !self.exclude_zone_ids.contains(&id) {
                zones.push((name, id, zone.group_name));
            }
        }
        zones.sort();
        let mut groups: Vec<String> = zones.iter().filter_map(|(.., group)| group.clone()).collect();
        groups.sort();
        groups.dedup();
        let (names, zone_ids) = zones.into_iter().map(|(name, id, _)| (name, id)).unzip();
        Ok(Answer { group_names: groups, id: cx.region().to_owned(), names, zone_ids })
    }
}
