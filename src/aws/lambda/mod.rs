//! Functions: Lambda.

mod event_source_mapping;
mod function;
mod kafka;
mod permission;

pub use event_source_mapping::EventSourceMapping;
pub use function::Function;
pub use permission::Permission;
