//! Which files a stack's name means.

use std::path::{Path, PathBuf};

use crate::engine::diagnostic::{Diagnostic, nearest};
use crate::stack::backend::Backend;
use crate::stack::expr::listed;
use crate::stack::files::Files;
use crate::stack::request::Request;
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
    pub(crate) backend: Option<Backend>,
    pub(crate) refresh: bool,
    pub(crate) warnings: Vec<Diagnostic>,
}

type Found<T> = Result<T, Vec<Diagnostic>>;

const PROJECT_FILES: [&str; 2] = ["Pulumi.yaml", "Pulumi.yml"];

/// Where a stack is: what can be told without reading any of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    form: Form,
    /// The stack file, or that of the project.
    pub(crate) file: PathBuf,
    pub(crate) name: String,
    pub(crate) instance: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    StackFile,
    Pulumi,
}

impl Located {
    /// Name of the stack, with `@` and the instance if there is one.
    pub(crate) fn stack(&self) -> String {
        instance_name(&self.name, self.instance.as_ref())
    }

    /// Directory that the state lies in.
    pub(crate) fn directory(&self) -> PathBuf {
        let dir = self.home();
        let above = || dir.parent().map(Path::to_owned).unwrap_or_default();
        let in_stacks = self.form == Form::StackFile && dir.file_name().is_some_and(|name| name == "stacks");
        if in_stacks { above() } else { dir }
    }

    /// The file with the stack's config, which may not exist. A project that cannot be read has it
    /// beside itself.
    pub(crate) fn config_file(&self) -> PathBuf {
        let home = self.home();
        let elsewhere = || text(&Files::new(&home).read(&self.file).ok()?, "stackConfigDir");
        let dir = match self.form {
            Form::StackFile => None,
            Form::Pulumi => elsewhere(),
        };
        dir.map_or_else(|| home.clone(), |dir| home.join(dir)).join(format!("Pulumi.{}.yaml", self.name))
    }

    fn home(&self) -> PathBuf {
        self.file.parent().map(Path::to_owned).unwrap_or_default()
    }
}

/// Finds and reads the files of the requested stack.
///
/// # Errors
/// If there is no such stack, or a file of it is no YAML.
pub(crate) fn find(request: &Request, files: &mut Files) -> Found<Project> {
    let located = locate(request)?;
    match located.form {
        Form::StackFile => stack_file(&located, files),
        Form::Pulumi => pulumi(&located, files),
    }
}

/// Finds the requested stack and reads nothing.
///
/// # Errors
/// If there is no such stack.
pub(crate) fn locate(request: &Request) -> Found<Located> {
    let (name, instance) = parts(request)?;
    let located = |form: Form, file: PathBuf, name: &str| Located { form, file, name: name.to_owned(), instance };
    let path = request.cwd.join(name);
    if !name.is_empty() && path.is_file() {
        if PROJECT_FILES.iter().any(|f| path.file_name().is_some_and(|name| name == *f)) {
            let stack = only_stack(path.parent().unwrap_or(&path))?;
            return Ok(located(Form::Pulumi, path, &stack));
        }
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        return Ok(located(Form::StackFile, path, &stem));
    }
    if !name.is_empty() && path.is_dir() {
        return match project_file(&path) {
            Some(project) => Ok(located(Form::Pulumi, project, &only_stack(&path)?)),
            None => Err(vec![
                Diagnostic::error(UNKNOWN, format!("the directory `{name}` holds no `Pulumi.yaml`"))
                    .help("name a stack file in it"),
            ]),
        };
    }
    if is_path(name) {
        let problem = Diagnostic::error(UNKNOWN, format!("there is no file `{name}`"));
        return Err(vec![problem.help("name a file that exists, or a stack without directory and extension")]);
    }
    for dir in request.cwd.ancestors() {
        for extension in ["yaml", "yml"] {
            let file = dir.join("stacks").join(format!("{name}.{extension}"));
            if file.is_file() {
                return Ok(located(Form::StackFile, file, name));
            }
            if file.is_dir() {
                let shown = file.strip_prefix(&request.cwd).unwrap_or(&file).display();
                let problem = Diagnostic::error(UNKNOWN, format!("`{shown}` is a directory, and a stack is a file"));
                return Err(vec![problem.help("a directory that holds a `Pulumi.yaml` is named by its path")]);
            }
        }
        if let Some(project) = project_file(dir) {
            return Ok(located(Form::Pulumi, project, name));
        }
    }
    Err(vec![unknown(request, name)])
}

/// The stack that a request means if it names no file: with `@` and the instance, if there is one.
pub(crate) fn bare_name(request: &Request) -> Option<String> {
    let (name, instance) = parts(request).ok()?;
    (!name.is_empty() && !is_path(name)).then(|| instance_name(name, instance.as_ref()))
}

/// Whether the name of a request can mean a stack: it is not taken for a path, and nothing where the
/// search starts has it.
pub(crate) fn is_stack_name(request: &Request) -> bool {
    parts(request).is_ok_and(|(name, _)| !name.is_empty() && !is_path(name) && !request.cwd.join(name).exists())
}

/// The code of the diagnostic that there is no such stack.
pub(crate) const UNKNOWN: &str = "unknown-stack";

fn is_path(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|e| e.to_str());
    name.contains(['/', '\\'])
        || extension.is_some_and(|e| e.eq_ignore_ascii_case("yaml") || e.eq_ignore_ascii_case("yml"))
}

/// The name of the request and the instance, which the environment may name, too.
fn parts(request: &Request) -> Found<(&str, Option<String>)> {
    let (name, instance) = match request.stack.rsplit_once('@') {
        Some((name, instance)) if !instance.is_empty() && !instance.contains('/') => (name, Some(instance.to_owned())),
        _ => (request.stack.as_str(), None),
    };
    let instance = instance.or_else(|| request.environment.get("DRCTL_ENV").filter(|v| !v.is_empty()).cloned());
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match instance {
        Some(bad) if !bad.chars().all(plain) => {
            let problem = Diagnostic::error("instance-name", format!("`{bad}` is no name for an instance of a stack"));
            Err(vec![problem.help("use letters, digits, `-`, `_` and `.`")])
        }
        instance => Ok((name, instance)),
    }
}

fn project_file(dir: &Path) -> Option<PathBuf> {
    PROJECT_FILES.iter().map(|f| dir.join(f)).find(|p| p.is_file())
}

/// Names of the stacks in `stacks/` here and upwards.
fn known(cwd: &Path) -> Vec<String> {
    let dirs = cwd.ancestors().map(|dir| dir.join("stacks"));
    let files = dirs.filter_map(|dir| std::fs::read_dir(dir).ok()).flatten().flatten();
    let mut names: Vec<String> = files
        .filter(|file| file.path().is_file())
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
    let problem = Diagnostic::error(UNKNOWN, format!("there is no stack `{name}`"));
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
            let problem = Diagnostic::error(UNKNOWN, format!("`{}` has several stacks", dir.display()));
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
fn stack_file(located: &Located, files: &mut Files) -> Found<Project> {
    let dir = located.home();
    let program = files.read_extended(&located.file)?;
    let config_file = located.config_file();
    let name = project_name(&program)?.unwrap_or_else(|| located.name.clone());
    let refresh = refreshes(&program);
    let backend = match program.get("backend") {
        Some(entry) => Backend::read(&entry.value).map_err(|problem| vec![problem])?,
        None => None,
    };
    Ok(Project {
        name,
        stack: located.stack(),
        instance: located.instance.clone(),
        file: located.file.clone(),
        program,
        directory: located.directory(),
        root: dir.clone(),
        program_dir: dir,
        project_config: None,
        stack_file: optional(&config_file, files)?,
        config_file,
        backend,
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
fn pulumi(located: &Located, files: &mut Files) -> Found<Project> {
    let root = located.home();
    let project = files.read(&located.file)?;
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
        None => (located.file.clone(), project.clone(), None),
    };
    if let Some(entry) = project.get("plugins") {
        let text = "`plugins` has no effect: the types are built in";
        warnings.push(Diagnostic::warning("plugins", text).at(entry.at.clone()));
    }
    let config_file = located.config_file();
    let backend = match project.get("backend") {
        Some(entry) => Backend::of_pulumi(&entry.value).map_err(|problem| vec![problem])?,
        None => None,
    };
    Ok(Project {
        name,
        stack: located.stack(),
        instance: located.instance.clone(),
        file,
        program,
        directory: located.directory(),
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
