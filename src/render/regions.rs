//! The places of a stack, as people call them.

use crate::engine::urn::Place;

/// The regions of a stack with their roles, in the order in which the program names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Regions(Vec<(String, String)>);

impl Regions {
    /// Takes `(role, region)` pairs. A role that is named like its region says nothing and is not shown.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// The role of a place, if it has one.
    pub fn role(&self, place: &Place) -> Option<&str> {
        let pair = self.0.iter().find(|(role, region)| *region == place.0 && role != region);
        pair.map(|(role, _)| role.as_str())
    }

    /// The region that a role has.
    pub fn of_role(&self, role: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == role).map(|(_, region)| region.as_str())
    }

    /// All roles.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(role, _)| role.as_str())
    }

    /// `us-east-1 (primary)`.
    pub(crate) fn label(&self, place: &Place) -> String {
        self.role(place).map_or_else(|| place.0.clone(), |role| format!("{place} ({role})"))
    }

    /// The places in the order of the program, others after them by name, the global one last.
    pub(crate) fn sorted<'a>(&self, places: impl IntoIterator<Item = &'a Place>) -> Vec<Place> {
        let mut places: Vec<Place> = places.into_iter().cloned().collect();
        places.sort();
        places.dedup();
        let rank = |p: &Place| self.0.iter().position(|(_, region)| *region == p.0).unwrap_or(self.0.len());
        places.sort_by_key(|p| (p.is_global(), rank(p)));
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_in_the_order_of_the_program_and_the_global_one_last() {
        let place = |p: &str| Place(p.to_owned());
        let regions = Regions::new([("primary".into(), "us-east-1".into()), ("secondary".into(), "eu-west-1".into())]);
        let places = [place("global"), place("ap-south-1"), place("eu-west-1"), place("us-east-1"), place("global")];
        let sorted: Vec<String> = regions.sorted(&places).iter().map(|p| regions.label(p)).collect();
        assert_eq!(sorted, ["us-east-1 (primary)", "eu-west-1 (secondary)", "ap-south-1", "global"]);
    }
}
