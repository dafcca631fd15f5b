//! What the file of every type needs.

pub(super) use schemars::JsonSchema;
pub(super) use serde::{Deserialize, Serialize};

pub(super) use super::batch::{each, in_order};
pub(super) use super::cx::Cx;
pub(super) use super::delta::{changed, only_in};
pub(super) use super::error::OrNone;
pub(super) use super::tags::{self, Tags};
pub(super) use super::verdict::{self, Fact};
pub(super) use crate::engine::document::Document;
pub(super) use crate::engine::error::{Error, Result, need};
pub(super) use crate::engine::resource::{
    Await, Existing, Facts, FoundBy, IdForm, Lack, Limits, Live, Made, Names, Next, Permissions, Resource, Retag,
    Scope, Seen, Takes, Want, Where, WithInput,
};
pub(super) use crate::engine::urn::Id;
pub(super) use crate::engine::value::Value;
