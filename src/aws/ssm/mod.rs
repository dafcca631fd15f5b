//! Settings that programs look up: the Parameter Store of Systems Manager.

mod parameter;

pub use parameter::Parameter;
