//! The order of resources: every resource after those it needs.

use std::collections::HashMap;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::engine::diagnostic::Diagnostic;
use crate::engine::program::Declaration;
use crate::engine::state::{Key, Rows};
use crate::engine::urn::Urn;

/// Indexes of the declarations, every one after those it needs, otherwise in the order written.
/// `more` gives needs of a declaration that its text does not show.
///
/// # Errors
/// A cycle, with all its members in order.
pub fn order<'a>(
    declarations: &'a [Declaration],
    more: impl Fn(usize) -> Vec<&'a Urn>,
) -> Result<Vec<usize>, Vec<Diagnostic>> {
    let index: HashMap<&Urn, usize> = declarations.iter().enumerate().map(|(i, d)| (&d.urn, i)).collect();
    let needs = |i: usize| {
        let d: &Declaration = &declarations[i];
        d.needs.iter().chain(d.parent.as_ref()).chain(more(i)).filter_map(|urn| index.get(urn).copied())
    };
    topological(declarations.len(), |i| needs(i).collect()).map_err(|cycles| {
        cycles.iter().map(|members| cycle(members.iter().map(|i| &declarations[*i]).collect())).collect()
    })
}

/// Puts rows into an order in which every row comes after those it needs.
pub fn sort(rows: &mut Rows) {
    let mut newest: HashMap<&Urn, usize> = HashMap::new();
    for (i, row) in rows.values().enumerate() {
        newest.insert(&row.key.urn, i);
    }
    let needs: Vec<Vec<usize>> = rows
        .values()
        .enumerate()
        .map(|(i, row)| row.needs.iter().filter_map(|urn| newest.get(urn).copied()).filter(|n| *n != i).collect())
        .collect();
    if needs.iter().enumerate().all(|(i, n)| n.iter().all(|j| *j < i)) {
        return;
    }
    // A damaged state may hold a cycle; its order is then left as it is, and `state check` tells.
    let Ok(order) = topological(needs.len(), |i| needs[i].clone()) else { return };
    let rank: HashMap<Key, usize> =
        order.iter().enumerate().filter_map(|(rank, i)| Some((rows.get_index(*i)?.0.clone(), rank))).collect();
    rows.sort_by_cached_key(|key, _| rank.get(key).copied());
}

/// Kahn's algorithm that prefers the order given. The error holds the members of each cycle.
fn topological(len: usize, needs: impl Fn(usize) -> Vec<usize>) -> Result<Vec<usize>, Vec<Vec<usize>>> {
    let mut graph: DiGraph<usize, ()> = DiGraph::with_capacity(len, len);
    let nodes: Vec<NodeIndex> = (0..len).map(|i| graph.add_node(i)).collect();
    let mut open = vec![0usize; len];
    for (i, open) in open.iter_mut().enumerate() {
        let mut before = needs(i);
        before.sort_unstable();
        before.dedup();
        *open = before.len();
        for n in before {
            graph.add_edge(nodes[n], nodes[i], ());
        }
    }
    let mut ready: std::collections::BTreeSet<usize> = (0..len).filter(|i| open[*i] == 0).collect();
    let mut order = Vec::with_capacity(len);
    while let Some(i) = ready.pop_first() {
        order.push(i);
        for next in graph.neighbors(nodes[i]) {
            let n = graph[next];
            open[n] -= 1;
            if open[n] == 0 {
                ready.insert(n);
            }
        }
    }
    if order.len() == len {
        return Ok(order);
    }
    let own_loop = |scc: &[NodeIndex]| scc.len() == 1 && graph.contains_edge(scc[0], scc[0]);
    Err(tarjan_scc(&graph)
        .into_iter()
        .filter(|scc| scc.len() > 1 || own_loop(scc))
        .map(|scc| scc.into_iter().map(|n| graph[n]).collect())
        .collect())
}

fn cycle(members: Vec<&Declaration>) -> Diagnostic {
    let names: Vec<&str> = members.iter().map(|d| d.urn.name()).collect();
    let Some(first) = members.first() else { return Diagnostic::error("cycle", "resources depend on each other") };
    let mut problem = Diagnostic::error(
        "cycle",
        format!("resources depend on each other in a circle: {} → {}", names.join(" → "), names[0]),
    )
    .at(first.at.clone())
    .of(&first.urn)
    .help("remove one of these references, or split one resource in two");
    for other in &members[1..] {
        problem = problem.also(other.at.clone(), "also in the circle");
    }
    problem
}
