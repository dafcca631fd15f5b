//! Functions: Lambda.

mod event_source_mapping;
mod function;
mod kafka;
mod order;
mod permission;

pub use event_source_mapping::EventSourceMapping;
pub use function::Function;
pub use order::groups_and_subnets_before_permissions;
pub use permission::Permission;
