//! What must be there first although no input names it: the acceptance of a peering connection.

use std::collections::HashMap;

use super::{PeeringConnectionOptions, Route, RouteTable, VpcPeeringConnectionAccepter};
use crate::engine::order::Implied;
use crate::engine::program::Declaration;
use crate::engine::resource::Resource;
use crate::engine::urn::Urn;

/// The input by which accepters and options name their connection.
const CONNECTION: &str = "vpcPeeringConnectionId";

/// Types that need an accepted connection, and the input that names it. A route to one that is not
/// accepted leads nowhere, and options cannot be set on it.
const USERS: [(&str, &str); 3] =
    [(Route::TYPE, CONNECTION), (RouteTable::TYPE, "routes"), (PeeringConnectionOptions::TYPE, CONNECTION)];

/// Whoever uses a peering connection comes after its accepter. Their deletions need no order: that
/// of an accepter makes no call.
pub fn accepted_before_used(declarations: &[Declaration]) -> Vec<Implied> {
    let mut accepters: HashMap<&Urn, Vec<usize>> = HashMap::new();
    for (index, declaration) in declarations.iter().enumerate() {
        if declaration.ty == VpcPeeringConnectionAccepter::TYPE {
            for connection in declaration.refers.get(CONNECTION).into_iter().flatten() {
                accepters.entry(connection).or_default().push(index);
            }
        }
    }
    let mut orders = Vec::new();
    if accepters.is_empty() {
        return orders;
    }
    for (after, user) in declarations.iter().enumerate() {
        let Some((_, input)) = USERS.iter().find(|(ty, _)| *ty == user.ty) else { continue };
        let connections = user.refers.get(*input).into_iter().flatten();
        for before in connections.filter_map(|connection| accepters.get(connection)).flatten() {
            orders.push(Implied { before: *before, after, on_delete: false });
        }
    }
    orders
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::aws::ec2::VpcPeeringConnection;
    use crate::engine::diagnostic::{Location, Source};
    use crate::engine::program::Options;
    use crate::engine::urn::Place;

    fn urn(ty: &str, name: &str) -> Urn {
        Urn::new("prod", "dr", ty, name)
    }

    fn declaration(ty: &str, name: &str, input: &str, connection: &str) -> Declaration {
        let connection = urn(VpcPeeringConnection::TYPE, connection);
        Declaration {
            urn: urn(ty, name),
            key: name.into(),
            ty: ty.to_owned(),
            place: Place("eu-west-1".into()),
            parent: None,
            needs: vec![connection.clone()],
            refers: [(input.to_owned(), vec![connection])].into(),
            options: Options::default(),
            external: None,
            at: Location { source: Arc::new(Source::new("a.yaml", "")), start: 0, end: 0 },
        }
    }

    #[test]
    fn users_of_a_connection_come_after_its_own_accepter_only() {
        let declarations = [
            declaration(Route::TYPE, "there", CONNECTION, "one"),
            declaration(RouteTable::TYPE, "table", "routes", "one"),
            declaration(VpcPeeringConnectionAccepter::TYPE, "accept-two", CONNECTION, "two"),
            declaration(VpcPeeringConnectionAccepter::TYPE, "accept-one", CONNECTION, "one"),
            declaration(PeeringConnectionOptions::TYPE, "options", CONNECTION, "one"),
            declaration(Route::TYPE, "public", "gatewayId", "one"),
        ];
        let order = |before, after| Implied { before, after, on_delete: false };
        assert_eq!(accepted_before_used(&declarations), [order(3, 0), order(3, 1), order(3, 4)]);
    }
}
