//! A body of text: the inputs, variables, resources and outputs of a program or a component, with
//! all names resolved and all expressions read. Instances are made of it in `expand`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::diagnostic::{Diagnostic, Location, nearest};
use crate::engine::provider::Catalog;
use crate::engine::urn::is_logical_name;
pub(crate) use crate::engine::urn::short_type as short;
use crate::stack::check::no_such;
use crate::stack::config::Input;
use crate::stack::expr::{Expr, Keys, Kind, Reader, Root, Scope, listed, miscapitalized, tell, wrong};
use crate::stack::yaml::{Entry, Kind as Yaml, Node};

/// The text of a program or a component.
pub(crate) struct Body {
    pub(crate) names: HashMap<String, Root>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) variables: Vec<Named>,
    pub(crate) resources: Vec<Arc<Block>>,
    pub(crate) outputs: Vec<Named>,
    pub(crate) tags: Option<Expr>,
    /// Of what belongs to no region. Components have none.
    pub(crate) global_tags: Option<Expr>,
    /// Components that only this body knows, by name.
    pub(crate) components: HashMap<String, usize>,
}

impl Body {
    /// Every expression that is written in it.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.own_expressions().chain(self.resources.iter().flat_map(|block| block.expressions()))
    }

    /// Those that belong to none of its resources.
    pub(crate) fn own_expressions(&self) -> impl Iterator<Item = &Expr> {
        let inputs = self.inputs.iter().filter_map(|input| input.default.as_ref());
        let named = self.variables.iter().chain(&self.outputs).map(|named| &named.value);
        inputs.chain(named).chain(&self.tags).chain(&self.global_tags)
    }
}

/// A name with its expression.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) value: Expr,
}

/// A resource as written; `each` may make many of it, `if` none.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) key: String,
    pub(crate) at: Location,
    pub(crate) ty: Type,
    pub(crate) ty_at: Location,
    pub(crate) name: Option<Expr>,
    /// A map, or an expression that gives one.
    pub(crate) properties: Expr,
    pub(crate) region: Option<Expr>,
    pub(crate) tags: Option<Expr>,
    pub(crate) each: Option<Expr>,
    pub(crate) condition: Option<Expr>,
    /// The id of a resource that is only read.
    pub(crate) get: Option<Expr>,
    pub(crate) default_provider: bool,
    pub(crate) options: Vec<(&'static str, Expr)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    /// Index into the types of the catalog.
    Managed(usize),
    Component(String),
    Provider,
    StackReference,
    /// Reported already.
    Unknown,
}

impl Block {
    pub(crate) fn option(&self, name: &str) -> Option<&Expr> {
        self.options.iter().find(|(word, _)| *word == name).map(|(_, expr)| expr)
    }

    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let parts = [&self.name, &self.region, &self.tags, &self.each, &self.condition, &self.get];
        let options = self.options.iter().map(|(_, expr)| expr);
        parts.into_iter().flatten().chain([&self.properties]).chain(options)
    }
}

/// What reading a body needs to know of the rest.
pub(crate) struct Context<'a> {
    pub(crate) catalog: &'a Catalog,
    /// `program:`-less names of config entries, for look-ups without prefix.
    pub(crate) project: &'a str,
    /// Names of components that may be used as types.
    pub(crate) components: &'a [String],
    /// Names of the program, which a component does not see.
    pub(crate) outside: &'a [String],
}

const RESERVED: &str = "pulumi";
const EXTENSIONS: [(&str, Root); 3] = [("region", Root::Region), ("regions", Root::Regions), ("each", Root::Each)];

/// The sections of a body as they stand in the file.
pub(crate) struct Sections<'a> {
    /// `config` or `inputs`.
    pub(crate) inputs: Vec<&'a Entry>,
    pub(crate) variables: Option<&'a Node>,
    pub(crate) resources: Option<&'a Node>,
    pub(crate) outputs: Option<&'a Node>,
    pub(crate) tags: Option<&'a Node>,
    pub(crate) global_tags: Option<&'a Node>,
}

/// Reads a body. Whatever is wrong is added to `problems`, and what can be used is kept.
pub(crate) fn read(
    sections: &Sections,
    components: HashMap<String, usize>,
    cx: &Context,
    problems: &mut Vec<Diagnostic>,
) -> Body {
    let variables = entries(sections.variables, "`variables`", problems);
    let resources = entries(sections.resources, "`resources`", problems);
    let outputs = entries(sections.outputs, "`outputs`", problems);
    let names = names(&sections.inputs, variables, resources, cx, problems);
    let scope = Names { names: &names, cx };
    let inputs = sections.inputs.iter().map(|entry| Input::read(entry, &scope, problems)).collect();
    let mut reader = Reader { scope: &scope, problems };
    let named = |reader: &mut Reader, entries: &[Entry]| {
        let named = entries.iter().map(|e| Named { name: e.key.clone(), value: reader.expr(&e.value) });
        named.collect::<Vec<_>>()
    };
    let variables = named(&mut reader, variables);
    let outputs = named(&mut reader, outputs);
    let tags = sections.tags.map(|node| reader.expr(node));
    let global_tags = sections.global_tags.map(|node| reader.expr(node));
    let resources = resources.iter().map(|entry| Arc::new(block(entry, cx, &mut reader))).collect();
    Body { inputs, variables, resources, outputs, tags, global_tags, components, names }
}

fn entries<'a>(node: Option<&'a Node>, what: &str, problems: &mut Vec<Diagnostic>) -> &'a [Entry] {
    let Some(node) = node.filter(|n| !n.is_null()) else { return &[] };
    node.as_map().unwrap_or_else(|| {
        problems.push(wrong(what, "a map", node));
        &[]
    })
}

/// What each name stands for. A name stands for one thing only; the program's own names win over
/// those of the language's extensions.
fn names(
    inputs: &[&Entry],
    variables: &[Entry],
    resources: &[Entry],
    cx: &Context,
    problems: &mut Vec<Diagnostic>,
) -> HashMap<String, Root> {
    let mut names: HashMap<String, Root> = HashMap::new();
    let mut places: HashMap<&str, (&str, &Location)> = HashMap::new();
    let all = resources
        .iter()
        .enumerate()
        .map(|(i, e)| ("resource", Root::Resource(i), e))
        .chain(inputs.iter().enumerate().map(|(i, e)| ("config value", Root::Input(i), *e)))
        .chain(variables.iter().enumerate().map(|(i, e)| ("variable", Root::Variable(i), e)));
    for (word, root, entry) in all {
        let name = entry.key.as_str();
        if name == RESERVED {
            let problem = Diagnostic::error("reserved-name", "the name `pulumi` is reserved").at(entry.at.clone());
            problems.push(problem.help("choose another name"));
            continue;
        }
        if let Some((other, first)) = places.get(name) {
            let text = format!("{word} `{name}` has the same name as a {other}");
            let problem = Diagnostic::error("duplicate-name", text).at(entry.at.clone());
            problems.push(problem.also((*first).clone(), "first declared here").help("rename one of them"));
            continue;
        }
        if EXTENSIONS.iter().any(|(extension, _)| *extension == name) {
            problems.push(
                Diagnostic::warning(
                    "hides-extension",
                    format!("{word} `{name}` hides what `${{{name}}}` means otherwise"),
                )
                .at(entry.at.clone())
                .help(format!("rename it if you want to use `${{{name}}}` of the language")),
            );
        }
        places.insert(name, (word, &entry.at));
        names.insert(name.to_owned(), root);
    }
    for entry in inputs {
        if let Some(short) = entry.key.strip_prefix(cx.project).and_then(|rest| rest.strip_prefix(':'))
            && let Some(root) = names.get(&entry.key).copied()
        {
            names.entry(short.to_owned()).or_insert(root);
        }
    }
    for entry in inputs {
        if let Some(root) = names.get(&entry.key).copied() {
            names.entry(format!("{}:{}", cx.project, entry.key)).or_insert(root);
        }
    }
    names.insert(RESERVED.to_owned(), Root::Pulumi);
    for (name, root) in EXTENSIONS {
        names.entry(name.to_owned()).or_insert(root);
    }
    names
}

/// The names that the body itself gives, sorted; those that stand for the same with a prefix are left out.
pub(crate) fn own_names(names: &HashMap<String, Root>) -> Vec<&str> {
    let own = |root: &Root| matches!(root, Root::Resource(_) | Root::Variable(_) | Root::Input(_));
    let twice = |name: &str, root: &Root| name.split_once(':').is_some_and(|(_, short)| names.get(short) == Some(root));
    let named = names.iter().filter(|(name, root)| own(root) && !twice(name, root));
    let mut names: Vec<&str> = named.map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}

struct Names<'a> {
    names: &'a HashMap<String, Root>,
    cx: &'a Context<'a>,
}

impl Scope for Names<'_> {
    fn resolve(&self, name: &str) -> Option<Root> {
        self.names.get(name).copied()
    }

    fn names(&self) -> Vec<&str> {
        own_names(self.names)
    }

    fn is_outside(&self, name: &str) -> bool {
        self.cx.outside.iter().any(|outside| outside == name)
    }

    fn function(&self, token: &str) -> Result<&'static str, Diagnostic> {
        if let Some(function) = self.cx.catalog.function(token) {
            return Ok(function.token);
        }
        let problem = Diagnostic::error("unknown-function", format!("there is no data source `{token}`"));
        let known: Vec<String> = self.cx.catalog.functions().iter().map(|f| short(f.token)).collect();
        Err(match nearest(&short(token), known.iter().map(String::as_str)) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(among("data sources", token, &known)),
        })
    }
}

/// The names of the same service, or how many there are.
fn among(what: &str, token: &str, known: &[String]) -> String {
    let service = short(token).rsplit_once(':').map(|(head, _)| format!("{head}:"));
    let of_service = |k: &&str| service.as_ref().is_some_and(|s| k.starts_with(s.as_str()));
    let same: Vec<&str> = known.iter().map(String::as_str).filter(of_service).collect();
    match same.len() {
        0 => format!("`drctl explain` lists the {} {what}", known.len()),
        _ => format!("the {what} of this service are {}", listed(&same, 12)),
    }
}

const RESOURCE_KEYS: [&str; 14] = [
    "type",
    "name",
    "properties",
    "inputs",
    "options",
    "get",
    "defaultProvider",
    "condition",
    "metadata",
    "region",
    "tags",
    "each",
    "if",
    "description",
];

/// Options as Pulumi names them.
pub(crate) const OPTIONS: [&str; 20] = [
    "dependsOn",
    "protect",
    "ignoreChanges",
    "deleteBeforeReplace",
    "replaceOnChanges",
    "retainOnDelete",
    "customTimeouts",
    "provider",
    "parent",
    "import",
    "aliases",
    "additionalSecretOutputs",
    "deletedWith",
    "replaceWith",
    "replacementTrigger",
    "hideDiffs",
    "version",
    "pluginDownloadURL",
    "providers",
    "envVarMappings",
];

/// Those that a component hands down to what stands in it, or that have no effect at all.
const OF_COMPONENTS: [&str; 11] = [
    "dependsOn",
    "protect",
    "retainOnDelete",
    "deletedWith",
    "provider",
    "providers",
    "parent",
    "aliases",
    "version",
    "pluginDownloadURL",
    "envVarMappings",
];

/// What is wrong with a logical name.
pub(crate) fn unfit_name(name: &str) -> Option<Diagnostic> {
    let problem = || Diagnostic::error("resource-name", format!("`{name}` is no name for a resource"));
    (!is_logical_name(name)).then(|| problem().help("a name is not empty, and holds no `::`"))
}

fn block(entry: &Entry, cx: &Context, reader: &mut Reader) -> Block {
    let empty = Expr { kind: Kind::Map(Vec::new()), at: entry.at.clone() };
    let mut block = Block {
        key: entry.key.clone(),
        at: entry.at.clone(),
        ty: Type::Unknown,
        ty_at: entry.at.clone(),
        name: None,
        properties: empty,
        region: None,
        tags: None,
        each: None,
        condition: None,
        get: None,
        default_provider: false,
        options: Vec::new(),
    };
    let what = format!("resource `{}`", entry.key);
    reader.problems.extend(unfit_name(&entry.key).map(|problem| problem.at(entry.at.clone())));
    let Some((keys, others)) = Keys::some(&entry.value, &what, &RESOURCE_KEYS, reader.problems) else { return block };
    match keys.get("type") {
        None => {
            let problem = Diagnostic::error("missing-key", format!("{what} needs the key `type`")).at(entry.at.clone());
            reader.problems.push(problem.help("for example `type: aws:s3:Bucket`"));
        }
        Some(node) => {
            block.ty_at = node.at.clone();
            block.ty = ty(node, cx, reader.problems);
        }
    }
    others.into_iter().for_each(|other| reader.problems.push(misplaced(&what, other, &block.ty, cx)));
    let is_component = matches!(block.ty, Type::Component(_));
    let expr = |reader: &mut Reader, key: &str| keys.get(key).map(|node| reader.expr(node));
    block.name = expr(reader, "name");
    block.region = expr(reader, "region");
    block.each = expr(reader, "each");
    block.condition = expr(reader, "if");
    block.tags = expr(reader, "tags");
    if let (Some(tags), false) = (keys.entry("tags"), is_component) {
        let problem = Diagnostic::error("misplaced-key", format!("`tags` of {what} belongs under `properties`"));
        reader.problems.push(problem.at(tags.at.clone()).help("move it into `properties`"));
    }
    let properties = match (keys.get("properties"), keys.entry("inputs")) {
        (given, Some(inputs)) if !is_component || given.is_some() => {
            let problem = Diagnostic::error("unknown-key", format!("{what} has no key `inputs`")).at(inputs.at.clone());
            reader.problems.push(problem.help("did you mean `properties`?"));
            given
        }
        (given, inputs) => given.or(inputs.map(|e| &e.value)),
    };
    if let Some(properties) = properties {
        if !matches!(properties.kind, Yaml::Map(_) | Yaml::Text(_)) {
            reader.problems.push(wrong(&format!("`properties` of {what}"), "a map", properties));
        } else {
            block.properties = reader.expr(properties);
        }
    }
    if let Some(node) = keys.get("get") {
        if let Some(given) = keys.entry("properties") {
            let problem = Diagnostic::error("conflict", "`get` excludes `properties`").at(given.at.clone());
            reader.problems.push(problem.help("a resource with `get` is only read; remove one of them"));
        }
        if let Some(get) = Keys::of(node, &format!("`get` of {what}"), &["id", "state"], reader.problems) {
            if let Some(state) = get.get("state") {
                look_up(state, &block.ty, cx, reader);
            }
            match get.get("id") {
                Some(id) => block.get = Some(reader.expr(id)),
                None => {
                    let problem = Diagnostic::error("missing-key", format!("`get` of {what} needs the key `id`"));
                    reader.problems.push(problem.at(node.at.clone()));
                }
            }
        }
    }
    if let (Some(get), true) = (keys.entry("get"), is_component) {
        reader.problems.push(no_component(&what, "get", &get.at));
    }
    if let Some(node) = keys.get("defaultProvider") {
        match (&node.kind, &block.ty) {
            (Yaml::Bool(value), Type::Provider) => block.default_provider = *value,
            (_, Type::Provider) => reader.problems.push(wrong("`defaultProvider`", "a boolean", node)),
            _ => {
                let text = format!("`defaultProvider` of {what} has a meaning only on a provider");
                reader.problems.push(Diagnostic::error("misplaced-key", text).at(node.at.clone()));
            }
        }
    }
    if let Some(node) = keys.get("options")
        && let Some(options) = Keys::of(node, &format!("`options` of {what}"), &OPTIONS, reader.problems)
    {
        for word in OPTIONS {
            if let Some(node) = options.get(word) {
                if is_component && !OF_COMPONENTS.contains(&word) {
                    reader.problems.push(no_component(&what, word, &node.at));
                }
                let value = reader.expr(node);
                block.options.push((word, value));
            }
        }
    }
    block
}

/// A component is text of the program and nothing in the cloud that could be read or taken over.
fn no_component(what: &str, key: &str, at: &Location) -> Diagnostic {
    let text = format!("`{key}` of {what} has no meaning on a component");
    let problem = Diagnostic::error("misplaced-key", text).at(at.clone());
    problem.help(format!("write `{key}` on the resources inside it"))
}

/// The id alone says which resource is read, so that look-up properties need only be sound.
fn look_up(state: &Node, ty: &Type, cx: &Context, reader: &mut Reader) {
    reader.expr(state);
    let Some(entries) = state.as_map() else {
        reader.problems.push(wrong("`state`", "a map", state));
        return;
    };
    let Type::Managed(index) = ty else { return };
    let schema = cx.catalog.schema_at(*index);
    for entry in entries {
        let properties = || schema.inputs.properties.iter().chain(&schema.outputs.properties);
        if !properties().any(|p| p.name == entry.key) {
            let known: Vec<&str> = properties().map(|p| p.name.as_str()).collect();
            let problem = no_such(&format!("`{}` has no property", short(schema.token)), &entry.key, &known);
            reader.problems.push(problem.at(entry.at.clone()));
        }
    }
}

fn ty(node: &Node, cx: &Context, problems: &mut Vec<Diagnostic>) -> Type {
    let Some(token) = node.as_text() else {
        problems.push(wrong("`type`", "a string", node));
        return Type::Unknown;
    };
    if cx.components.iter().any(|c| c == token) {
        return Type::Component(token.to_owned());
    }
    match token {
        "pulumi:providers:aws" => return Type::Provider,
        "pulumi:pulumi:StackReference" => return Type::StackReference,
        _ => {}
    }
    if let Some(index) = cx.catalog.index_of(token) {
        return Type::Managed(index);
    }
    tell(problems, no_type(token).at(node.at.clone()), |problem| {
        likely_type(problem, token, cx.catalog, cx.components)
    });
    Type::Unknown
}

/// There is no resource type of that name.
pub(crate) fn unknown_type(token: &str, catalog: &Catalog) -> Diagnostic {
    likely_type(no_type(token), token, catalog, &[])
}

fn no_type(token: &str) -> Diagnostic {
    Diagnostic::error("unknown-type", format!("there is no resource type `{token}`"))
}

fn likely_type(problem: Diagnostic, token: &str, catalog: &Catalog, components: &[String]) -> Diagnostic {
    let known: Vec<String> = catalog.tokens().map(short).chain(components.iter().cloned()).collect();
    match nearest(&short(token), known.iter().map(String::as_str)) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help(among("types", token, &known)),
    }
}

/// A key that a resource does not have may be one that belongs a level deeper.
fn misplaced(what: &str, entry: &Entry, ty: &Type, cx: &Context) -> Diagnostic {
    let problem = Diagnostic::error("unknown-key", format!("{what} has no key `{}`", entry.key)).at(entry.at.clone());
    if OPTIONS.contains(&entry.key.as_str()) {
        return problem.help(format!("`{}` belongs under `options`", entry.key));
    }
    if let Type::Managed(index) = ty
        && cx.catalog.schema_at(*index).inputs.get(&entry.key).is_some()
    {
        return problem.help(format!("`{}` belongs under `properties`", entry.key));
    }
    if let Some(near) = nearest(&entry.key, RESOURCE_KEYS) {
        return problem.help(format!("did you mean `{near}`?"));
    }
    if let Some(near) = nearest(&entry.key, OPTIONS) {
        return problem.help(format!("did you mean `{near}` under `options`?"));
    }
    let inputs = match ty {
        Type::Managed(index) => {
            cx.catalog.schema_at(*index).inputs.properties.iter().map(|p| p.name.as_str()).collect()
        }
        _ => Vec::new(),
    };
    match nearest(&entry.key, inputs) {
        Some(near) => problem.help(format!("did you mean `{near}` under `properties`?")),
        None => problem.help("the keys are `type`, `name`, `properties`, `options`, `get`, `region`, `each` and `if`"),
    }
}

/// Warns about a keyword in other capitals; gives the entry of that keyword.
pub(crate) fn section<'a>(node: &'a Node, word: &str, problems: &mut Vec<Diagnostic>) -> Option<&'a Entry> {
    let entry = node.as_map()?.iter().find(|e| e.key.eq_ignore_ascii_case(word))?;
    if entry.key != word {
        problems.push(miscapitalized(&entry.key, word, &entry.at));
    }
    Some(entry)
}
