//! A graph as a picture: columns from left to right, each resource to the right of all it needs.
//!
//! The usual four steps of layered drawing: leave out edges that others imply, give every resource
//! its column, let long edges pass through the columns between as thin slots, and order each column
//! by where its neighbours stand.

use std::collections::HashMap;
use std::fmt;

use petgraph::algo::tred;
use petgraph::graph::DiGraph;
use petgraph::visit::{EdgeRef, IntoEdgeReferences};

use super::graph::Graph;
use crate::engine::urn::Place;

const BOX: (usize, usize) = (190, 38);
/// Between columns, and between boxes of a column.
const GAP: (usize, usize) = (70, 12);
const MARGIN: usize = 24;
const LEGEND: usize = 34;
/// Looks at the neighbours on one side, then at those on the other.
const SWEEPS: usize = 6;

/// Fill and border of the boxes of a place. Places beyond the last begin again.
const COLOURS: [(&str, &str); 6] = [
    ("#e3f2fd", "#1565c0"),
    ("#fff3e0", "#e65100"),
    ("#e8f5e9", "#2e7d32"),
    ("#f3e5f5", "#6a1b9a"),
    ("#fce4ec", "#ad1457"),
    ("#e0f2f1", "#00695c"),
];
const GLOBAL: (&str, &str) = ("#f5f5f5", "#616161");

pub(super) struct Svg<'a>(pub(super) &'a Graph);

/// What stands in a column: a resource, or an edge that passes.
struct Slot {
    node: Option<usize>,
    column: usize,
    /// Top edge, in pixels.
    y: usize,
}

/// Slots by column, and the stretches of edges between slots of neighbouring columns.
struct Layout {
    slots: Vec<Slot>,
    columns: Vec<Vec<usize>>,
    stretches: Vec<(usize, usize)>,
}

impl Slot {
    fn height(&self) -> usize {
        if self.node.is_some() { BOX.1 + GAP.1 } else { GAP.1 }
    }

    fn x(&self) -> usize {
        MARGIN + self.column * (BOX.0 + GAP.0)
    }

    fn middle(&self) -> usize {
        self.y + if self.node.is_some() { BOX.1 / 2 } else { GAP.1 / 2 }
    }
}

impl Layout {
    fn of(graph: &Graph) -> Self {
        let edges = reduced(graph);
        let columns = columns(graph.nodes.len(), &edges);
        let node_slot = |(node, column): (usize, &usize)| Slot { node: Some(node), column: *column, y: 0 };
        let mut slots: Vec<Slot> = columns.iter().enumerate().map(node_slot).collect();
        let mut stretches = Vec::new();
        for (from, to) in edges {
            let mut last = from;
            for column in columns[from] + 1..columns[to] {
                slots.push(Slot { node: None, column, y: 0 });
                stretches.push((last, slots.len() - 1));
                last = slots.len() - 1;
            }
            stretches.push((last, to));
        }
        let mut by_column = vec![Vec::new(); columns.iter().max().map_or(0, |c| c + 1)];
        for (i, slot) in slots.iter().enumerate() {
            by_column[slot.column].push(i);
        }
        let rank: HashMap<&Place, usize> = graph.places.iter().enumerate().map(|(i, (p, _))| (p, i)).collect();
        for column in &mut by_column {
            column.sort_by_key(|s| slots[*s].node.and_then(|n| rank.get(&graph.nodes[n].place)));
        }
        let mut layout = Self { slots, columns: by_column, stretches };
        layout.untangle();
        layout.stack();
        layout
    }

    /// Moves each slot towards the mean place of its neighbours, from the left and from the right in turn.
    fn untangle(&mut self) {
        let (mut left, mut right) = (vec![Vec::new(); self.slots.len()], vec![Vec::new(); self.slots.len()]);
        for &(a, b) in &self.stretches {
            right[a].push(b);
            left[b].push(a);
        }
        let mut place = vec![0usize; self.slots.len()];
        for column in &self.columns {
            column.iter().enumerate().for_each(|(i, s)| place[*s] = i);
        }
        for sweep in 0..SWEEPS {
            let forward = sweep % 2 == 0;
            let neighbours = if forward { &left } else { &right };
            let count = self.columns.len();
            for step in 0..count {
                let column = &mut self.columns[if forward { step } else { count - 1 - step }];
                let mean = |slot: usize| {
                    let around = &neighbours[slot];
                    // Thousandths, so that equal means stay equal.
                    let sum: usize = around.iter().map(|n| place[*n] * 1000).sum();
                    sum.checked_div(around.len()).unwrap_or(place[slot] * 1000)
                };
                column.sort_by_cached_key(|s| mean(*s));
                column.iter().enumerate().for_each(|(i, s)| place[*s] = i);
            }
        }
    }

    /// Piles each column up and centres it.
    fn stack(&mut self) {
        let height = |column: &Vec<usize>| column.iter().map(|s| self.slots[*s].height()).sum::<usize>();
        let heights: Vec<usize> = self.columns.iter().map(height).collect();
        let tallest = heights.iter().max().copied().unwrap_or_default();
        for (column, height) in self.columns.iter().zip(heights) {
            let mut y = MARGIN + LEGEND + (tallest - height) / 2;
            for slot in column {
                self.slots[*slot].y = y;
                y += self.slots[*slot].height();
            }
        }
    }
}

/// Edges without those that others imply.
fn reduced(graph: &Graph) -> Vec<(usize, usize)> {
    let mut dag: DiGraph<(), (), usize> = DiGraph::default();
    let nodes: Vec<_> = graph.nodes.iter().map(|_| dag.add_node(())).collect();
    graph.edges.iter().for_each(|(a, b)| {
        dag.update_edge(nodes[*a], nodes[*b], ());
    });
    let Ok(order) = petgraph::algo::toposort(&dag, None) else {
        // A loader refuses cycles; should one come here, drawing nothing of it is better than a panic.
        return Vec::new();
    };
    let (list, _) = tred::dag_to_toposorted_adjacency_list::<_, usize>(&dag, &order);
    let (reduction, _) = tred::dag_transitive_reduction_closure(&list);
    let back = |i: usize| order[i].index();
    let mut edges: Vec<(usize, usize)> =
        reduction.edge_references().map(|e| (back(e.source()), back(e.target()))).collect();
    edges.sort_unstable();
    edges
}

/// One more than the highest column of what a node needs.
fn columns(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut open = vec![0usize; count];
    let mut after = vec![Vec::new(); count];
    for &(a, b) in edges {
        open[b] += 1;
        after[a].push(b);
    }
    let mut columns = vec![0usize; count];
    let mut ready: Vec<usize> = (0..count).filter(|n| open[*n] == 0).collect();
    while let Some(node) = ready.pop() {
        for &next in &after[node] {
            columns[next] = columns[next].max(columns[node] + 1);
            open[next] -= 1;
            if open[next] == 0 {
                ready.push(next);
            }
        }
    }
    columns
}

impl fmt::Display for Svg<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graph = self.0;
        let layout = Layout::of(graph);
        let legend = graph.places.iter().map(|(_, label)| legend_width(label)).sum::<usize>();
        let width = MARGIN + (layout.columns.len() * (BOX.0 + GAP.0)).max(legend + MARGIN);
        let bottom = layout.slots.iter().map(|s| s.y + s.height()).max().unwrap_or(MARGIN + LEGEND);
        let height = bottom + MARGIN;
        writeln!(
            f,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="system-ui, sans-serif" font-size="12">"#
        )?;
        writeln!(f, r#"<rect width="100%" height="100%" fill="white"/>"#)?;
        self.write_legend(f)?;
        writeln!(f, r##"<g fill="none" stroke="#9e9e9e">"##)?;
        for &(a, b) in &layout.stretches {
            let (from, to) = (&layout.slots[a], &layout.slots[b]);
            let (x1, y1, x2, y2) = (from.x() + BOX.0, from.middle(), to.x(), to.middle());
            let half = x1.midpoint(x2);
            writeln!(f, r#"<path d="M{x1} {y1}C{half} {y1} {half} {y2} {x2} {y2}"/>"#)?;
            if from.node.is_none() {
                writeln!(f, r#"<path d="M{} {y1}H{x1}"/>"#, from.x())?;
            }
        }
        writeln!(f, "</g>")?;
        for slot in &layout.slots {
            let Some(node) = slot.node.map(|n| &graph.nodes[n]) else { continue };
            let (fill, border) = self.colours(&node.place);
            let (x, y, (w, h)) = (slot.x(), slot.y, BOX);
            let (ty, name) = (escaped(&node.ty), escaped(&node.name));
            writeln!(
                f,
                r#"<g><title>{ty} {name} in {place}</title><rect x="{x}" y="{y}" width="{w}" height="{h}" rx="5" fill="{fill}" stroke="{border}"/><text x="{tx}" y="{y1}" fill="{border}">{short_ty}</text><text x="{tx}" y="{y2}">{short_name}</text></g>"#,
                place = node.place,
                tx = x + 8,
                y1 = y + 15,
                y2 = y + 31,
                short_ty = escaped(&fitting(&node.ty)),
                short_name = escaped(&fitting(&node.name)),
            )?;
        }
        writeln!(f, "</svg>")
    }
}

impl Svg<'_> {
    fn write_legend(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut x = MARGIN;
        for (place, label) in &self.0.places {
            let (fill, border) = self.colours(place);
            writeln!(
                f,
                r#"<rect x="{x}" y="{MARGIN}" width="14" height="14" rx="3" fill="{fill}" stroke="{border}"/><text x="{}" y="{}">{}</text>"#,
                x + 20,
                MARGIN + 11,
                escaped(label)
            )?;
            x += legend_width(label);
        }
        Ok(())
    }

    fn colours(&self, place: &Place) -> (&'static str, &'static str) {
        if place.is_global() {
            return GLOBAL;
        }
        let rank = self.0.places.iter().position(|(p, _)| p == place).unwrap_or_default();
        COLOURS[rank % COLOURS.len()]
    }
}

fn legend_width(label: &str) -> usize {
    40 + label.chars().count() * 8
}

/// What fits into a box, at about 7 pixels a character.
fn fitting(text: &str) -> String {
    let most = (BOX.0 - 16) / 7;
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::graph::tests::graph;

    #[test]
    fn a_picture_has_every_resource_and_escapes_its_name() {
        insta::assert_snapshot!(Svg(&graph()).to_string());
    }

    #[test]
    fn every_resource_stands_to_the_right_of_what_it_needs() {
        let graph = graph();
        let layout = Layout::of(&graph);
        assert!(graph.edges.iter().all(|(a, b)| layout.slots[*a].column < layout.slots[*b].column));
    }

    #[test]
    fn an_edge_that_others_imply_is_not_drawn() {
        assert!(graph().edges.contains(&(0, 2)));
        assert!(!reduced(&graph()).contains(&(0, 2)));
    }

    #[test]
    fn no_two_boxes_overlap() {
        let layout = Layout::of(&graph());
        for column in &layout.columns {
            for pair in column.windows(2) {
                let (a, b) = (&layout.slots[pair[0]], &layout.slots[pair[1]]);
                assert!(a.y + a.height() <= b.y);
            }
        }
    }
}
