//! Groups of instances: EC2 Auto Scaling.

mod group;
mod group_capacity;
mod group_change;
mod group_parts;
mod policy;

pub use group::Group;
pub use policy::Policy;
