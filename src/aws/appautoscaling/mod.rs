//! Scaling of what is no group of instances: Application Auto Scaling.

mod firm;
mod policy;
mod predictive;
mod target;
mod tracking;

pub use policy::Policy;
pub use target::Target;

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};

use crate::engine::error::{Error, Result};
use crate::engine::urn::Id;

/// What scales: a service, a resource of it, and a quantity of the resource.
#[derive(Debug, PartialEq, Eq)]
struct Scaled {
    namespace: String,
    resource: String,
    dimension: String,
}

impl Scaled {
    /// Reads `namespace/resource/dimension`, in which the resource may hold slashes, and what follows
    /// it. A dimension begins with its namespace.
    fn parse(id: &Id) -> Result<(Self, Option<String>)> {
        let wrong = || Error::invalid(format!("`{id}` is not `namespace/resource/dimension`"));
        let (namespace, rest) = id.0.split_once('/').ok_or_else(wrong)?;
        let at = rest.find(&format!("/{namespace}:")).ok_or_else(wrong)?;
        let (resource, dimension) = (&rest[..at], &rest[at + 1..]);
        let (dimension, name) = match dimension.split_once('/') {
            Some((dimension, name)) => (dimension, Some(name.to_owned())),
            None => (dimension, None),
        };
        let (namespace, resource) = (namespace.to_owned(), resource.to_owned());
        Ok((Self { namespace, resource, dimension: dimension.to_owned() }, name))
    }

    fn id(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.resource, self.dimension)
    }

    fn service_namespace(&self) -> ServiceNamespace {
        ServiceNamespace::from(self.namespace.as_str())
    }

    fn scalable_dimension(&self) -> ScalableDimension {
        ScalableDimension::from(self.dimension.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slashes_of_resources_and_policies_do_not_confuse_ids() {
        let id = Id("ecs/service/a/b/ecs:service:DesiredCount/name/x".into());
        let (scaled, name) = Scaled::parse(&id).unwrap();
        assert_eq!((scaled.resource.as_str(), scaled.dimension.as_str()), ("service/a/b", "ecs:service:DesiredCount"));
        assert_eq!(name.as_deref(), Some("name/x"));
        assert_eq!(format!("{}/name/x", scaled.id()), id.0);
        assert!(Scaled::parse(&Id("ecs/service/a".into())).is_err());
    }
}
