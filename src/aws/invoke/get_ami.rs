use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Filter, Function, filters};
use crate::aws::{Cx, Tags, ec2};
use crate::engine::error::{Error, Kind, Result, need};

/// A machine image.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetAmi {
    /// Accounts that may launch the image; `self` and `all` are possible.
    #[serde(default)]
    executable_users: Vec<String>,
    /// Conditions that all must hold.
    #[serde(default)]
    filters: Vec<Filter>,
    /// Whether images past their deprecation count.
    #[serde(default)]
    include_deprecated: bool,
    /// Whether the youngest is taken if there is more than one.
    #[serde(default)]
    most_recent: bool,
    /// Owners of the image: account numbers, `self`, `amazon`, `aws-marketplace`.
    #[serde(default)]
    owners: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    /// Processor architecture, for example `arm64`.
    architecture: Option<String>,
    /// ARN of the image.
    arn: String,
    /// When the image was made.
    creation_date: Option<String>,
    /// When the image becomes deprecated.
    deprecation_time: Option<String>,
    /// Description of the image.
    description: Option<String>,
    /// Whether enhanced networking is on.
    ena_support: bool,
    /// Id of the image.
    id: String,
    /// Id of the image.
    image_id: String,
    /// Owner and name.
    image_location: Option<String>,
    /// Alias of the owner, for example `amazon`.
    image_owner_alias: Option<String>,
    /// Name of the image.
    name: Option<String>,
    /// Account that owns the image.
    owner_id: Option<String>,
    /// Platform in words, for example `Linux/UNIX`.
    platform_details: Option<String>,
    /// Whether everybody may launch the image.
    public: bool,
    /// Device of the root volume.
    root_device_name: Option<String>,
    /// Kind of the root volume, `ebs` or `instance-store`.
    root_device_type: Option<String>,
    /// State of the image.
    state: Option<String>,
    /// Tags of the image.
    tags: Tags,
    /// Kind of virtualization, for example `hvm`.
    virtualization_type: Option<String>,
}

impl Function for GetAmi {
    const TOKEN: &'static str = "aws:ec2/getAmi:getAmi";
    const PERMISSIONS: &'static [&'static str] = &["ec2:DescribeImages"];
    type Answer = Answer;

    async fn call(self, cx: &Cx) -> Result<Answer> {
        let some = |list: Vec<String>| Some(list).filter(|l| !l.is_empty());
        let pages = cx
            .ec2()
            .describe_images()
            .set_executable_users(some(self.executable_users))
            .set_filters(filters(self.filters))
            .include_deprecated(self.include_deprecated)
            .set_owners(some(self.owners))
            .into_paginator()
            .items()
            .send();
        let images = pages.collect::<Result<Vec<_>, _>>().await?;
        if images.len() > 1 && !self.most_recent {
            let many = format!("{} images match", images.len());
            return Err(Error::invalid(many).hint("add filters, or set `mostRecent: true`"));
        }
        let youngest = images.into_iter().max_by(|a, b| a.creation_date.cmp(&b.creation_date));
        let none = || Error::new(Kind::NotFound, "no image matches").hint("check `owners`, `filters` and the region");
        let image = youngest.ok_or_else(none)?;
        let id = need("ImageId", image.image_id)?;
        Ok(Answer {
            architecture: image.architecture.map(|a| a.as_str().to_owned()),
            arn: format!("arn:{}:ec2:{}::image/{id}", cx.partition(), cx.region()),
            creation_date: image.creation_date,
            deprecation_time: image.deprecation_time,
            description: image.description,
            ena_support: image.ena_support.unwrap_or_default(),
            id: id.clone(),
            image_id: id,
            image_location: image.image_location,
            image_owner_alias: image.image_owner_alias,
            name: image.name,
            owner_id: image.owner_id,
            platform_details: image.platform_details,
            public: image.public.unwrap_or_default(),
            root_device_name: image.root_device_name,
            root_device_type: image.root_device_type.map(|t| t.as_str().to_owned()),
            state: image.state.map(|s| s.as_str().to_owned()),
            tags: ec2::tags_from(image.tags),
            virtualization_type: image.virtualization_type.map(|t| t.as_str().to_owned()),
        })
    }
}
