//! Which files a stack's name means.

use std::path::{Path, PathBuf};

use crate::engine::diagnostic::{Diagnostic, nearest};
use crate::stack::expr::listed;
use crate::stack::files::Files;
use crate::stack::load::Request;
use crate::stack::yaml::{Kind, Node};

/// The files of a program, found and read.
pub(crate) struct Project {
    pub(crate) name: String,
    /// With `@` and the instance, if there is one.
    pub(crate) stack: String,
    pub(crate) instance: Option<String>,
    /// The file that holds the program.
    pub(crate) file: PathBuf,
    pub(crate) program: Node,
    /// Directory that the state lies in.
    pub(crate) directory: PathBuf,
    pub(crate) program_dir: PathBuf,
    /// Directory of `Pulumi.yaml`, or of the stack file.
    pub(crate) root: PathBuf,
    /// `config` of `Pulumi.yaml` where the program is in another file.
    pub(crate) project_config: Option<Node>,
    pub(crate) stack_file: Option<Node>,
    pub(crate) config_file: PathBuf,
    pub(crate) backend: Option<String>,
    pub(crate) refresh: bool,
    pub(crate) warnings: Vec<Diagnostic>,
}

type Found<T> = Result<T, Vec<Diagnostic>>;

const PROJECT_FILES: [&str; 2] = ["Pulumi.yaml", "Pulumi.yml"];

/// Finds and reads the files of the requested stack.
///
/// # Errors
/// If there is no such stack, or a file of it is no YAML.
pub(crate) fn find(request: &Request, files: &mut Files) -> Found<Project> {
    let (name, instance) = match request.stack.rsplit_once('@') {
        Some((name, instance)) if !instance.is_empty() && !instance.contains('/') => (name, Some(instance.to_owned())),
        _ => (request.stack.as_str(), None),
    };
    let instance = instance.or_else(|| request.environment.get("DRCTL_ENV").filter(|v| !v.is_empty()).cloned());
    if let Some(bad) = instance.as_ref().filter(|i| !i.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)))
    {
        let problem = Diagnostic::error("instance-name", format!("`{bad}` is no name for an instance of a stack"));
        return Err(vec![problem.help("use letters, digits, `-`, `_` and `.`")]);
    }
    let path = request.cwd.join(name);
    if !name.is_empty() && path.is_file() {
        return stack_file(&path, instance, files);
    }
    if !name.is_empty() && path.is_dir() {
        return match project_file(&path) {
            Some(project) => {
                let stack = only_stack(&path)?;
                pulumi(&project, &stack, instance, files)
            }
            None => Err(vec![
                Diagnostic::error("unknown-stack", format!("the directory `{name}` holds no `Pulumi.yaml`"))
                    .help("name a stack file in it"),
            ]),
        };
    }
    for dir in request.cwd.ancestors() {
        for extension in ["yaml", "yml"] {
            let file = dir.join("stacks").join(format!("{name}.{extension}"));
            if file.is_file() {
                return stack_file(&file, instance, files);
            }
        }
        if let Some(project) = project_file(dir) {
            return pulumi(&project, name, instance, files);
        }
    }
    Err(vec![unknown(request, name)])
}

fn project_file(dir: &Path) -> Option<PathBuf> {
    PROJECT_FILES.iter().map(|f| dir.join(f)).find(|p| p.is_file())
}

/// Names of the stacks in `stacks/` here and upwards.
fn known(cwd: &Path) -> Vec<String> {
    let dirs = cwd.ancestors().map(|dir| dir.join("stacks"));
    let files = dirs.filter_map(|dir| std::fs::read_dir(dir).ok()).flatten().flatten();
    let mut names: Vec<String> = files
        .filter_map(|file| {
            let name = file.file_name().into_string().ok()?;
            let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"))?;
            (!stem.starts_with("Pulumi.")).then(|| stem.to_owned())
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

fn unknown(request: &Request, name: &str) -> Diagnostic {
    let known = known(&request.cwd);
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let problem = Diagnostic::error("unknown-stack", format!("there is no stack `{name}`"));
    match nearest(name, known.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => {
            problem.help(format!("write `stacks/{name}.yaml`, or run where a `stacks` directory or a `Pulumi.yaml` is"))
        }
        None => problem.help(format!("the stacks are {}", listed(&known, 12))),
    }
}

/// The stack of a project that has one file of config, or `dev`.
fn only_stack(dir: &Path) -> Found<String> {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut stacks: Vec<String> = files
        .filter_map(|file| {
            let name = file.file_name().into_string().ok()?;
            Some(name.strip_prefix("Pulumi.")?.strip_suffix(".yaml")?.to_owned())
        })
        .collect();
    stacks.sort();
    match stacks.as_slice() {
        [] => Ok("dev".into()),
        [only] => Ok(only.clone()),
        several => {
            let names: Vec<&str> = several.iter().map(String::as_str).collect();
            let problem = Diagnostic::error("unknown-stack", format!("`{}` has several stacks", dir.display()));
            Err(vec![problem.help(format!(
                "use `--cwd {}` and `--stack` with one of {}",
                dir.display(),
                listed(&names, 12)
            ))])
        }
    }
}

fn instance_name(stack: &str, instance: Option<&String>) -> String {
    match instance {
        Some(instance) => format!("{stack}@{instance}"),
        None => stack.to_owned(),
    }
}

/// Reads a file if it exists.
fn optional(path: &Path, files: &mut Files) -> Found<Option<Node>> {
    if path.is_file() { files.read(path).map(Some) } else { Ok(None) }
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(|e| e.value.as_text()).map(str::to_owned)
}

/// A stack that is one file.
fn stack_file(path: &Path, instance: Option<String>, files: &mut Files) -> Found<Project> {
    let dir = path.parent().map(Path::to_owned).unwrap_or_default();
    let is_project = PROJECT_FILES.iter().any(|f| path.file_name().is_some_and(|name| name == *f));
    if is_project {
        let stack = only_stack(&dir)?;
        return pulumi(path, &stack, instance, files);
    }
    let program = files.read_extended(path)?;
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let in_stacks = dir.file_name().is_some_and(|name| name == "stacks");
    let directory = if in_stacks { dir.parent().map(Path::to_owned).unwrap_or_default() } else { dir.clone() };
    let config_file = dir.join(format!("Pulumi.{stem}.yaml"));
    let name = project_name(&program)?.unwrap_or_else(|| stem.clone());
    let refresh = refreshes(&program);
    Ok(Project {
        name,
        stack: instance_name(&stem, instance.as_ref()),
        instance,
        file: path.to_owned(),
        program,
        directory,
        root: dir.clone(),
        program_dir: dir,
        project_config: None,
        stack_file: optional(&config_file, files)?,
        config_file,
        backend: None,
        refresh,
        warnings: Vec::new(),
    })
}

/// The name of a project, which is part of every URN.
fn project_name(program: &Node) -> Found<Option<String>> {
    let Some(entry) = program.get("name").filter(|entry| !entry.value.is_null()) else { return Ok(None) };
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match entry.value.as_text() {
        Some(name) if (1..=100).contains(&name.len()) && name.chars().all(fits) => Ok(Some(name.to_owned())),
        Some(name) => {
            let problem = Diagnostic::error("project-name", format!("`{name}` is no name for a project"));
            let help = "names have 1 to 100 letters, digits, hyphens, underscores and dots";
            Err(vec![problem.at(entry.value.at.clone()).help(help)])
        }
        None => Err(vec![Diagnostic::error("wrong-type", "`name` must be a string").at(entry.value.at.clone())]),
    }
}

/// Whether every run looks at the cloud first: `options: {refresh: always}`.
fn refreshes(project: &Node) -> bool {
    let option = project.get("options").and_then(|entry| text(&entry.value, "refresh"));
    option.as_deref() == Some("always")
}

/// A Pulumi project.
fn pulumi(path: &Path, stack: &str, instance: Option<String>, files: &mut Files) -> Found<Project> {
    let root = path.parent().map(Path::to_owned).unwrap_or_default();
    let project = files.read(path)?;
    let mut warnings = Vec::new();
    runtime(&project)?;
    let Some(name) = project_name(&project)? else {
        let problem = Diagnostic::error("missing-key", "a project needs the key `name`").at(project.at.clone());
        return Err(vec![problem]);
    };
    let program_dir = text(&project, "main").map_or_else(|| root.clone(), |main| root.join(main));
    let own = ["Main.yaml", "Main.yml", "Main.json"].iter().map(|f| program_dir.join(f)).find(|p| p.is_file());
    let (file, program, project_config) = match own {
        Some(file) => {
            let program = files.read(&file)?;
            (file, program, project.get("config").map(|e| e.value.clone()))
        }
        None => (path.to_owned(), project.clone(), None),
    };
    if let Some(entry) = project.get("plugins") {
        let text = "`plugins` has no effect: the types are built in";
        warnings.push(Diagnostic::warning("plugins", text).at(entry.at.clone()));
    }
    let config_dir = text(&project, "stackConfigDir").map_or_else(|| root.clone(), |dir| root.join(dir));
    let config_file = config_dir.join(format!("Pulumi.{stack}.yaml"));
    let backend = project.get("backend").and_then(|e| text(&e.value, "url"));
    Ok(Project {
        name,
        stack: instance_name(stack, instance.as_ref()),
        instance,
        file,
        program,
        directory: root.clone(),
        program_dir,
        root,
        project_config,
        stack_file: optional(&config_file, files)?,
        config_file,
        backend,
        refresh: refreshes(&project),
        warnings,
    })
}

fn runtime(project: &Node) -> Found<()> {
    let Some(entry) = project.get("runtime") else { return Ok(()) };
    let (name, options) = match &entry.value.kind {
        Kind::Map(_) => (text(&entry.value, "name"), entry.value.get("options")),
        _ => (entry.value.as_text().map(str::to_owned), None),
    };
    if let Some(compiler) = options.and_then(|o| o.value.get("compiler")) {
        let problem = Diagnostic::error("compiler", "programs made by a compiler are not supported");
        let problem = problem.at(compiler.at.clone());
        return Err(vec![problem.help("run the compiler yourself and name the file that it writes")]);
    }
    match name.as_deref() {
        Some("yaml") => Ok(()),
        other => {
            let text = format!("the runtime `{}` is not supported", other.unwrap_or_default());
            let problem = Diagnostic::error("runtime", text).at(entry.value.at.clone());
            Err(vec![problem.help("drctl runs programs with `runtime: yaml`")])
        }
    }
}
