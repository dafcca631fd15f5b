//! Functions: Lambda.

mod function;
mod permission;

pub use function::Function;
pub use permission::Permission;
