//! `drctl graph`: the resources of a stack and what they depend on, as a drawing.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::Global;
use crate::cli::exit::Exit;
use crate::cli::failure::{Result, given_path};
use crate::cli::graph_svg::Svg;
use crate::cli::program::load;
use crate::engine::program::{Declaration, Program};
use crate::engine::urn::Place;
use crate::render;
use crate::render::regions::Regions;
use crate::render::words::type_name;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Form of the drawing
    #[arg(long, value_enum, default_value_t = Form::Svg)]
    format: Form,

    /// File to write instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A picture for browsers
    Svg,
    /// Input of Graphviz
    Dot,
    /// A diagram that code hosts draw inside Markdown
    Mermaid,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let loaded = load(global)?;
    let drawing = Graph::of(loaded.program.declarations(), &Regions::new(loaded.regions)).draw(arguments.format);
    match &arguments.output {
        Some(path) => std::fs::write(path, drawing).map_err(given_path("write", path))?,
        None => render::data(drawing),
    }
    Ok(Exit::Ok)
}

/// Resources and the order between them.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    /// `(a, b)`: `b` needs `a`.
    pub(super) edges: Vec<(usize, usize)>,
    /// In the order of the program.
    pub(super) places: Vec<(Place, String)>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) ty: String,
    pub(super) name: String,
    pub(super) place: Place,
}

impl Graph {
    /// Of what a program declares. Needs that are not declared are left out.
    fn of(declarations: &[Declaration], regions: &Regions) -> Self {
        let index: HashMap<_, _> = declarations.iter().enumerate().map(|(i, d)| (&d.urn, i)).collect();
        let nodes = declarations.iter().map(|d| Node {
            ty: type_name(&d.ty),
            name: d.urn.name().to_owned(),
            place: d.place.clone(),
        });
        let edges = declarations.iter().enumerate().flat_map(|(i, d)| {
            let needs = d.needs.iter().chain(&d.parent).filter_map(|urn| index.get(urn).map(|n| (*n, i)));
            let mut needs: Vec<_> = needs.filter(|(a, b)| a != b).collect();
            needs.sort_unstable();
            needs.dedup();
            needs
        });
        let places = regions.sorted(declarations.iter().map(|d| &d.place));
        Self {
            nodes: nodes.collect(),
            edges: edges.collect(),
            places: places.into_iter().map(|p| (p.clone(), regions.label(&p))).collect(),
        }
    }

    fn draw(&self, form: Form) -> String {
        match form {
            Form::Svg => Svg(self).to_string(),
            Form::Dot => Dot(self).to_string(),
            Form::Mermaid => Mermaid(self).to_string(),
        }
    }

    fn in_place<'a>(&'a self, place: &'a Place) -> impl Iterator<Item = (usize, &'a Node)> {
        self.nodes.iter().enumerate().filter(move |(_, n)| n.place == *place)
    }
}

struct Dot<'a>(&'a Graph);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "digraph stack {{\n  rankdir=LR;\n  node [shape=box, style=rounded];")?;
        for (i, (place, label)) in self.0.places.iter().enumerate() {
            writeln!(f, "  subgraph cluster_{i} {{\n    label={};", quoted(label))?;
            for (n, node) in self.0.in_place(place) {
                writeln!(f, "    n{n} [label={}];", quoted(&format!("{}\n{}", node.ty, node.name)))?;
            }
            writeln!(f, "  }}")?;
        }
        self.0.edges.iter().try_for_each(|(a, b)| writeln!(f, "  n{a} -> n{b};"))?;
        writeln!(f, "}}")
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

struct Mermaid<'a>(&'a Graph);

impl fmt::Display for Mermaid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "flowchart LR")?;
        for (i, (place, label)) in self.0.places.iter().enumerate() {
            writeln!(f, "  subgraph p{i}[\"{}\"]", entities(label))?;
            for (n, node) in self.0.in_place(place) {
                writeln!(f, "    n{n}[\"{}<br/>{}\"]", entities(&node.ty), entities(&node.name))?;
            }
            writeln!(f, "  end")?;
        }
        self.0.edges.iter().try_for_each(|(a, b)| writeln!(f, "  n{a} --> n{b}"))
    }
}

/// Mermaid writes special characters as `#<number>;`.
fn entities(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || " -_./:()".contains(c) {
            safe.push(c);
        } else {
            let _ = write!(safe, "#{};", u32::from(c));
        }
    }
    safe
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::engine::diagnostic::{Location, Source};
    use crate::engine::program::Options;
    use crate::engine::urn::Urn;

    fn declaration(ty: &str, name: &str, place: &str, needs: &[&Declaration]) -> Declaration {
        let source = Arc::new(Source::new("a.yaml", ""));
        Declaration {
            urn: Urn::new("prod", "p", ty, name),
            key: name.into(),
            ty: ty.into(),
            place: Place(place.into()),
            parent: None,
            needs: needs.iter().map(|d| d.urn.clone()).collect(),
            refers: BTreeMap::new(),
            options: Options::default(),
            external: None,
            at: Location { source, start: 0, end: 0 },
        }
    }

    /// Two networks, a cluster in the second that needs the first one's, and a role.
    pub(in crate::cli) fn graph() -> Graph {
        let vpc = declaration("aws:ec2/vpc:Vpc", "vpc", "us-east-1", &[]);
        let subnet = declaration("aws:ec2/subnet:Subnet", "subnet[\"a\"]", "us-east-1", &[&vpc, &vpc]);
        let cluster = declaration("aws:rds/cluster:Cluster", "db", "us-east-1", &[&subnet, &vpc]);
        let role = declaration("aws:iam/role:Role", "role", "global", &[]);
        let replica = declaration("aws:rds/cluster:Cluster", "dr/db", "eu-west-1", &[&cluster, &role]);
        let missing = declaration("aws:ec2/vpc:Vpc", "elsewhere", "eu-west-1", &[]);
        let alarm = declaration("aws:cloudwatch/metricAlarm:MetricAlarm", "lag", "eu-west-1", &[&replica, &missing]);
        let regions = Regions::new([("primary".into(), "us-east-1".into()), ("secondary".into(), "eu-west-1".into())]);
        Graph::of(&[vpc, subnet, cluster, role, replica, alarm], &regions)
    }

    #[test]
    fn a_drawing_for_graphviz_groups_by_region() {
        insta::assert_snapshot!(graph().draw(Form::Dot));
    }

    #[test]
    fn a_drawing_for_mermaid_escapes_what_it_would_misread() {
        insta::assert_snapshot!(graph().draw(Form::Mermaid));
    }
}
