//! `drctl config`: the values that a stack's own file gives to its config.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use serde_yaml::{Mapping, Value as Yaml};

use crate::cli::Global;
use crate::cli::data_keys::ByKms;
use crate::cli::environment::environment;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, io};
use crate::cli::program::{config_file, shared_config};
use crate::cli::project::request;
use crate::engine::diagnostic::nearest;
use crate::engine::value::Shown;
use crate::render;
use crate::render::table::Table;
use crate::stack::{Declared, GIVE_PASSPHRASE, Opener, Protection, Sealer, Ty, declared};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Set a value
    Set(Set),
    /// Write a value
    Get(Get),
    /// Remove a value
    Rm(Get),
    /// List all values, secrets hidden
    Ls,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// Key, with the project's name before a colon if it is another project's
    key: String,
    /// Value, of the type that the program declares, else YAML; without it, a line of standard input
    value: Option<String>,

    /// Seal the value with the passphrase in `PULUMI_CONFIG_PASSPHRASE` or else `DRCTL_PASSPHRASE`, or with
    /// the KMS key that the file names as `secretsprovider`; what the program declares as secret is sealed in any case
    #[arg(long)]
    secret: bool,
}

#[derive(Debug, Args)]
pub(super) struct Get {
    /// Key
    key: String,
}

pub(super) fn run(command: &Command, global: &Global) -> Result {
    let path = config_file(global)?;
    let mut file = File::read(&path)?;
    let program = Program::of(global)?;
    match command {
        Command::Set(Set { key, value, secret }) => {
            let value = value.clone().map_or_else(read_value, Ok)?;
            let entry = program.entry(key)?;
            let key = &file.spelt(key, &program.project)?;
            let sealed = file.get(key).is_ok_and(is_sealed);
            let seal = *secret || sealed || entry.is_some_and(|entry| entry.secret);
            if seal {
                file.seal(key, &value, &environment())?;
            } else {
                file.put(key, given(key, &value, entry.and_then(|entry| entry.ty.as_ref()))?)?;
            }
            file.write()?;
            let how = if seal { "Set and sealed" } else { "Set" };
            render::say(format_args!("{how} `{key}` in {}\n", path.display()));
            tell_who_shares(global)?;
            if let Some(why) = program.why_idle(key) {
                render::warn(why);
            }
        }
        Command::Get(Get { key }) => match file.get(&file.spelt(key, &program.project)?)? {
            value if global.json => {
                let opened = is_sealed(value).then(|| file.open(value, &environment())).transpose()?;
                let value = opened.map_or_else(|| json!(value), |text| json!(text));
                render::data(format_args!("{value}\n"));
            }
            sealed if is_sealed(sealed) => render::data(format_args!("{}\n", file.open(sealed, &environment())?)),
            Yaml::String(text) => render::data(format_args!("{text}\n")),
            other => render::data(format_args!("{}\n", flow(other))),
        },
        Command::Rm(Get { key }) => {
            let key = &file.spelt(key, &program.project)?;
            file.get(key)?;
            file.remove(key)?;
            file.write()?;
            render::say(format_args!("Removed `{key}` from {}\n", path.display()));
            tell_who_shares(global)?;
        }
        Command::Ls => {
            let secrets = file.secrets(&program);
            render::data(listed(&file, &secrets, global.json));
            if let Some(warning) = unsealed(&file, &secrets) {
                render::warn(warning);
            }
        }
    }
    Ok(Exit::Ok)
}

fn tell_who_shares(global: &Global) -> Result<()> {
    if let Some(others) = shared_config(global)? {
        render::say(format_args!("Note: {others}\n"));
    }
    Ok(())
}

/// All values, without the text of what is sealed or secret.
fn listed(file: &File, secrets: &[String], json: bool) -> String {
    let values = file.values().map(|(key, value)| (plain(key), value));
    let values = values.map(|(key, value)| {
        let shown = Some(value).filter(|value| !is_sealed(value) && !secrets.contains(&key));
        (key, shown)
    });
    if json {
        let shown = values.map(|(key, value)| (key, value.map_or_else(|| json!(Shown::SECRET), |value| json!(value))));
        return format!("{:#}\n", json!(shown.collect::<serde_json::Map<_, _>>()));
    }
    let mut table = Table::new(["KEY", "VALUE"]);
    values.for_each(|(key, value)| table.row([key, value.map_or_else(|| Shown::SECRET.to_owned(), flow)]));
    table.to_string()
}

/// A warning about secrets that whoever may read the file reads.
fn unsealed(file: &File, secrets: &[String]) -> Option<String> {
    let values = file.values().map(|(key, value)| (plain(key), value));
    let keys: Vec<String> = values
        .filter(|(key, value)| secrets.contains(key) && !holds_sealed(value))
        .map(|(key, _)| format!("`{key}`"))
        .collect();
    (!keys.is_empty()).then(|| {
        format!(
            "what the program declares secret stands in plain in {}: {}; `drctl config set KEY --secret` seals it",
            file.path.display(),
            keys.join(", ")
        )
    })
}

/// Seals the secure values of a stack's file for another passphrase of the environment, and says how many.
///
/// # Errors
/// If the file cannot be read or written, or neither passphrase opens all of them.
pub(super) fn reseal(path: &Path, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Result<usize> {
    let mut file = File::read(path)?;
    let count = file.reseal(old, new)?;
    if count > 0 {
        file.write()?;
    }
    Ok(count)
}

/// Whether a stack's file holds secure values that a passphrase opens.
pub(super) fn needs_passphrase(path: &Path) -> bool {
    let file = File::read(path).ok();
    file.is_some_and(|file| file.opens_by_passphrase() && file.values().any(|(_, value)| holds_sealed(value)))
}

/// What the program knows of config.
struct Program {
    project: String,
    entries: Vec<Declared>,
}

impl Program {
    fn of(global: &Global) -> Result<Self> {
        let (project, entries) = declared(&request(global)?)?;
        Ok(Self { project, entries })
    }

    fn find(&self, key: &str) -> Option<&Declared> {
        let full = if key.contains(':') { key.to_owned() } else { format!("{}:{key}", self.project) };
        self.entries.iter().find(|entry| entry.key == full)
    }

    /// What it declares under a key that somebody gave.
    fn entry(&self, key: &str) -> Result<Option<&Declared>> {
        if key.trim().is_empty() || key.trim() != key {
            let help = "name a config value, as the program declares it";
            return Err(Failure::new(Exit::Configuration, format!("`{key}` is no key"), help));
        }
        Ok(self.find(key))
    }

    /// Why the value of a key has no effect: the program is whose key it is, and declares none like it.
    fn why_idle(&self, key: &str) -> Option<String> {
        let own = format!("{}:", self.project);
        let name = key.strip_prefix(&own).unwrap_or(key);
        if name.contains(':') || self.find(key).is_some() {
            return None;
        }
        let names = self.entries.iter().filter_map(|entry| entry.key.strip_prefix(&own));
        let help = match nearest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "declare it under `config`, or take it out".to_owned(),
        };
        Some(format!("the program declares no config `{name}`, so its value has no effect: {help}"))
    }
}

/// A value as it was written. What is declared as text stays the text that it is; what is not declared
/// is YAML.
fn given(key: &str, text: &str, ty: Option<&Ty>) -> Result<Yaml> {
    match ty {
        Some(Ty::Text) => Ok(Yaml::String(text.to_owned())),
        Some(ty @ (Ty::Number | Ty::Integer | Ty::Boolean)) => match ty.convert(text.into()) {
            Some(_) => Ok(read(text)),
            None => {
                let message = format!("`{text}` is no {}, which `{key}` is declared to be", ty.name());
                Err(Failure::new(Exit::Configuration, message, "give another value, or change the program"))
            }
        },
        _ => Ok(read(text)),
    }
}

/// YAML, but text where it would lose what was written, such as a hash that looks like a number.
fn read(text: &str) -> Yaml {
    let plain = || Yaml::String(text.to_owned());
    match serde_yaml::from_str(text) {
        Ok(Yaml::Number(number)) if number.to_string() != text => plain(),
        Ok(Yaml::Null) if text.is_empty() => plain(),
        Ok(yaml) => yaml,
        Err(_) => plain(),
    }
}

/// A file of config as text, so that what people wrote beside the values stays.
struct File {
    path: PathBuf,
    text: String,
    yaml: Yaml,
}

impl File {
    fn read(path: &Path) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(io("read", path)(error)),
        };
        Self::parse(path, text)
    }

    fn parse(path: &Path, text: String) -> Result<Self> {
        let yaml: Yaml = serde_yaml::from_str(&text).map_err(|error| {
            let message = format!("{} is no YAML: {error}", path.display());
            Failure::new(Exit::Configuration, message, "correct the file by hand")
        })?;
        if yaml.get("config").is_some_and(|config| !config.is_mapping() && !config.is_null()) {
            let message = format!("`config` in {} is no map of keys and values", path.display());
            return Err(Failure::new(Exit::Configuration, message, "correct the file by hand"));
        }
        Ok(Self { path: path.to_owned(), text, yaml })
    }

    fn values(&self) -> impl Iterator<Item = (&Yaml, &Yaml)> {
        self.yaml.get("config").and_then(Yaml::as_mapping).into_iter().flatten()
    }

    /// Keys, as the file has them, that the program declares secret.
    fn secrets(&self, program: &Program) -> Vec<String> {
        let is_secret = |key: &String| program.find(key).is_some_and(|entry| entry.secret);
        self.values().map(|(key, _)| plain(key)).filter(is_secret).collect()
    }

    fn get(&self, key: &str) -> Result<&Yaml> {
        if let Some((_, value)) = self.values().find(|(k, _)| plain(k) == key) {
            return Ok(value);
        }
        let known: Vec<String> = self.values().map(|(k, _)| plain(k)).collect();
        let help = match nearest(key, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`drctl config ls` lists the values that are set".to_owned(),
        };
        Err(Failure::new(Exit::Configuration, format!("{} sets no `{key}`", self.path.display()), help))
    }

    /// A key as the file has it: `key` and `project:key` are one.
    fn spelt(&self, key: &str, project: &str) -> Result<String> {
        let other = match key.split_once(':') {
            Some((prefix, rest)) if prefix == project => rest.to_owned(),
            Some(_) => return Ok(key.to_owned()),
            None => format!("{project}:{key}"),
        };
        match (self.has(key), self.has(&other)) {
            (true, true) => Err(Failure::new(
                Exit::Configuration,
                format!("{} sets `{key}` twice: as `{other}`, too", self.path.display()),
                "remove one of the two by hand",
            )),
            (false, true) => Ok(other),
            (_, false) => Ok(key.to_owned()),
        }
    }

    fn has(&self, key: &str) -> bool {
        self.values().any(|(known, _)| plain(known) == key)
    }

    #[cfg(test)]
    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        self.put(key, read(value))
    }

    /// Sets a value that only the passphrase opens.
    fn seal(&mut self, key: &str, value: &str, environment: &BTreeMap<String, String>) -> Result<()> {
        let sealer = Sealer::new(&self.protection(environment));
        let sealer = sealer.map_err(|why| no_passphrase(&format!("`{key}` cannot be sealed: {why}")))?;
        let sealed = sealer.seal(value).map_err(|why| no_passphrase(&format!("`{key}` cannot be sealed: {why}")))?;
        if let Some((name, value)) = sealer.new_entry() {
            let end = if self.text.is_empty() || self.text.ends_with('\n') { "" } else { "\n" };
            *self = Self::parse(&self.path, format!("{}{end}{name}: {value}\n", self.text))?;
        }
        let secure = (Yaml::String("secure".into()), Yaml::String(sealed));
        self.put(key, Yaml::Mapping(Mapping::from_iter([secure])))
    }

    fn open(&self, value: &Yaml, environment: &BTreeMap<String, String>) -> Result<String> {
        let sealed = value.get("secure").and_then(Yaml::as_str).unwrap_or_default();
        let mut opener = Opener::new(self.protection(environment));
        opener.open(sealed).map_err(|why| no_passphrase(&format!("the secure value cannot be opened: {why}")))
    }

    fn protection<'a>(&self, environment: &'a BTreeMap<String, String>) -> Protection<'a> {
        Protection {
            salt: self.top("encryptionsalt"),
            provider: self.top("secretsprovider"),
            encrypted_key: self.top("encryptedkey"),
            environment,
            data_keys: &ByKms,
        }
    }

    /// Seals every secure value for the passphrase of another environment, and says how many there are. None
    /// are if that opens them already, or if no passphrase does.
    fn reseal(&mut self, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Result<usize> {
        let sealed: Vec<(String, Yaml)> =
            self.values().map(|(key, value)| (plain(key), value.clone())).filter(|(_, v)| holds_sealed(v)).collect();
        let mut present = Opener::new(self.protection(new));
        let opens =
            |present: &mut Opener| sealed.iter().all(|(_, value)| anew(value, &mut |s| present.open(s)).is_ok());
        if sealed.is_empty() || !self.opens_by_passphrase() || opens(&mut present) {
            return Ok(0);
        }
        let failed = |why: String| no_passphrase(&format!("the secure values cannot be sealed anew: {why}"));
        let sealer = Sealer::new(&Protection { salt: None, ..self.protection(new) }).map_err(failed)?;
        let mut opener = Opener::new(self.protection(old));
        let resealed = sealed.into_iter().map(|(key, value)| {
            Ok((key, anew(&value, &mut |sealed| opener.open(sealed).and_then(|text| sealer.seal(&text)))?))
        });
        let resealed: Vec<(String, Yaml)> = resealed.collect::<std::result::Result<_, String>>().map_err(failed)?;
        if let Some((name, salt)) = sealer.new_entry() {
            let is_salt = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'));
            let lines = self.text.lines().map(|line| match is_salt(line) {
                true => format!("{name}: {salt}\n"),
                false => format!("{line}\n"),
            });
            let renewed = Self::parse(&self.path, lines.collect())?;
            if renewed.top(name).as_deref() != Some(salt) {
                return Err(failed(format!("`{name}` of {} is not on a line of its own", self.path.display())));
            }
            *self = renewed;
        }
        let count = resealed.len();
        resealed.into_iter().try_for_each(|(key, value)| self.put(&key, value))?;
        Ok(count)
    }

    /// Whether it is a passphrase that opens its secure values.
    fn opens_by_passphrase(&self) -> bool {
        self.top("encryptionsalt").is_some() && self.top("encryptedkey").is_none()
    }

    fn top(&self, key: &str) -> Option<String> {
        self.yaml.get(key).and_then(Yaml::as_str).map(str::to_owned)
    }

    fn put(&mut self, key: &str, value: Yaml) -> Result<()> {
        let line = format!("  {}: {}", flow(&Yaml::String(key.to_owned())), flow(&value));
        let mut lines: Vec<String> = self.text.lines().map(str::to_owned).collect();
        match (self.stretch(key), lines.iter().position(|l| l.trim_end() == "config:")) {
            (Some((start, end)), _) => {
                lines.splice(start..end, [line]);
            }
            (None, Some(head)) => lines.insert(head + 1, line),
            (None, None) => lines.extend(["config:".to_owned(), line]),
        }
        self.take(&lines, |config| {
            config.insert(Yaml::String(key.to_owned()), value);
        })
    }

    fn remove(&mut self, key: &str) -> Result<()> {
        let mut lines: Vec<String> = self.text.lines().map(str::to_owned).collect();
        if let Some((start, end)) = self.stretch(key) {
            lines.drain(start..end);
        }
        self.take(&lines, |config| {
            config.remove(key);
        })
    }

    /// The lines of a key: its own, and those below it that are indented further.
    fn stretch(&self, key: &str) -> Option<(usize, usize)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let indent = |line: &str| line.len() - line.trim_start().len();
        let head = lines.iter().position(|l| l.trim_end() == "config:")?;
        let names = [key.to_owned(), format!("\"{key}\""), format!("'{key}'")];
        let is_key = |line: &&str| {
            names.iter().any(|n| line.trim_start().strip_prefix(n.as_str()).is_some_and(|r| r.starts_with(':')))
        };
        let below = lines[head + 1..].iter().take_while(|l| l.trim().is_empty() || indent(l) > 0);
        let start = head + 1 + below.collect::<Vec<_>>().iter().position(|l| is_key(l))?;
        let more = lines[start + 1..].iter().take_while(|l| !l.trim().is_empty() && indent(l) > indent(lines[start]));
        Some((start, start + 1 + more.count()))
    }

    /// Takes the lines if they mean what is wanted. Else the file is written anew, without comments.
    fn take(&mut self, lines: &[String], want: impl FnOnce(&mut Mapping)) -> Result<()> {
        let mut wanted = self.yaml.clone();
        if !wanted.is_mapping() {
            wanted = Yaml::Mapping(Mapping::new());
        }
        let empty = || Yaml::Mapping(Mapping::new());
        if let Some(map) = wanted.as_mapping_mut() {
            let config = map.entry(Yaml::String("config".into())).or_insert_with(empty);
            if !config.is_mapping() {
                *config = empty();
            }
            config.as_mapping_mut().into_iter().for_each(want_once(want));
        }
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let same = serde_yaml::from_str::<Yaml>(&text).is_ok_and(|yaml| same(&yaml, &wanted));
        let text = if same { text } else { serde_yaml::to_string(&wanted).map_err(|e| unwritable(&self.path, &e))? };
        *self = Self::parse(&self.path, text)?;
        Ok(())
    }

    /// One that is there is replaced as a whole: a crash leaves the old or the new one.
    fn write(&self) -> Result<()> {
        let Ok(path) = std::fs::canonicalize(&self.path) else {
            return std::fs::write(&self.path, &self.text).map_err(io("write", &self.path));
        };
        let replace = || {
            let mut temporary = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
            temporary.write_all(self.text.as_bytes())?;
            temporary.as_file().set_permissions(std::fs::metadata(&path)?.permissions())?;
            temporary.as_file().sync_all()?;
            temporary.persist(&path).map(drop).map_err(|failure| failure.error)
        };
        replace().map_err(io("write", &self.path))
    }
}

fn no_passphrase(message: &str) -> Failure {
    let help = format!("{GIVE_PASSPHRASE}; for `awskms://…` give credentials that may use the key");
    Failure::new(Exit::Configuration, message, help)
}

/// The first line of standard input, so that a secret need not stand in a command line.
fn read_value() -> Result<String> {
    let mut line = String::new();
    if !std::io::stdin().is_terminal() {
        std::io::stdin().read_line(&mut line).map_err(io("read", Path::new("standard input")))?;
    }
    if line.is_empty() {
        return Err(Failure::new(Exit::Configuration, "no value was given", "write it after the key, or pipe it in"));
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// An action on at most one mapping.
fn want_once(want: impl FnOnce(&mut Mapping)) -> impl FnMut(&mut Mapping) {
    let mut want = Some(want);
    move |config| {
        if let Some(want) = want.take() {
            want(config);
        }
    }
}

/// An empty `config:` reads as null.
fn same(a: &Yaml, b: &Yaml) -> bool {
    let config = |yaml: &Yaml| yaml.get("config").and_then(Yaml::as_mapping).cloned().unwrap_or_default();
    let rest = |yaml: &Yaml| {
        let mut map = yaml.as_mapping().cloned().unwrap_or_default();
        map.remove("config");
        map
    };
    config(a) == config(b) && rest(a) == rest(b)
}

fn unwritable(path: &Path, error: &serde_yaml::Error) -> Failure {
    let message = format!("cannot write {}: {error}", path.display());
    Failure::new(Exit::Configuration, message, "edit the file by hand")
}

fn plain(key: &Yaml) -> String {
    key.as_str().map_or_else(|| flow(key), str::to_owned)
}

/// Pulumi's form of a sealed value.
fn is_sealed(value: &Yaml) -> bool {
    value.get("secure").is_some()
}

/// Whether a value or a part of it is sealed.
fn holds_sealed(value: &Yaml) -> bool {
    match value {
        Yaml::Mapping(map) => is_sealed(value) || map.values().any(holds_sealed),
        Yaml::Sequence(items) => items.iter().any(holds_sealed),
        _ => false,
    }
}

/// A value with all that is sealed in it exchanged for something else.
fn anew(
    value: &Yaml,
    exchange: &mut dyn FnMut(&str) -> std::result::Result<String, String>,
) -> std::result::Result<Yaml, String> {
    match value {
        Yaml::Mapping(map) => match value.get("secure").and_then(Yaml::as_str) {
            Some(sealed) => {
                let secure = (Yaml::String("secure".into()), Yaml::String(exchange(sealed)?));
                Ok(Yaml::Mapping(Mapping::from_iter([secure])))
            }
            None => {
                let parts = map.iter().map(|(key, part)| Ok((key.clone(), anew(part, exchange)?)));
                parts.collect::<std::result::Result<_, String>>().map(Yaml::Mapping)
            }
        },
        Yaml::Sequence(items) => {
            let items = items.iter().map(|item| anew(item, exchange));
            items.collect::<std::result::Result<_, String>>().map(Yaml::Sequence)
        }
        other => Ok(other.clone()),
    }
}

/// YAML on one line. JSON is YAML, and plain words need no quotes.
fn flow(value: &Yaml) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if let Yaml::String(text) = value
        && text.chars().all(word)
        && !text.ends_with(':')
        && matches!(serde_yaml::from_str(text), Ok(Yaml::String(read)) if read == *text)
    {
        return text.clone();
    }
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Production.\nconfig:\n  size: 3 # enough\n  app:tags:\n    a: b\n    c: d\n  key:\n    secure: v1:x\nencryptionsalt: v1:y\n";

    fn file(text: &str) -> File {
        File::parse(Path::new("Pulumi.prod.yaml"), text.into()).unwrap()
    }

    #[test]
    fn a_value_is_set_in_place_and_comments_stay() {
        let mut file = file(TEXT);
        file.set("size", "4").unwrap();
        file.set("app:tags", "x y").unwrap();
        file.set("new", "yes: no").unwrap();
        insta::assert_snapshot!(file.text, @r#"
        # Production.
        config:
          new: {"yes":"no"}
          size: 4
          app:tags: "x y"
          key:
            secure: v1:x
        encryptionsalt: v1:y
        "#);
        assert_eq!(file.get("size").unwrap(), &Yaml::from(4));
    }

    #[test]
    fn what_is_declared_as_text_stays_the_text_that_it_is() {
        let text = |text: &str| Yaml::String(text.to_owned());
        for same in ["1e3", "007", "true", "", "null", "a: b", "[1]"] {
            assert_eq!(given("k", same, Some(&Ty::Text)).unwrap(), text(same));
        }
        assert_eq!(given("k", "3", Some(&Ty::Integer)).unwrap(), Yaml::from(3));
        assert!(given("k", "three", Some(&Ty::Integer)).is_err());
        assert!(given("k", "yes", Some(&Ty::Boolean)).is_err());
        let mut file = file("");
        file.put("revision", text("1e3")).unwrap();
        assert_eq!(file.text, "config:\n  revision: \"1e3\"\n");
    }

    #[test]
    fn what_is_not_declared_is_yaml_unless_yaml_would_lose_what_was_written() {
        assert_eq!(given("k", "3", None).unwrap(), Yaml::from(3));
        assert_eq!(given("k", "null", None).unwrap(), Yaml::Null);
        for kept in ["1e3", "0x1F", "1_000", ""] {
            assert_eq!(given("k", kept, None).unwrap(), Yaml::String(kept.into()), "{kept}");
        }
    }

    #[test]
    fn a_file_whose_config_is_no_map_is_left_alone() {
        assert!(File::parse(Path::new("Pulumi.prod.yaml"), "config: [a]\n".into()).is_err());
        assert!(File::parse(Path::new("Pulumi.prod.yaml"), "config:\n".into()).is_ok());
    }

    #[test]
    fn a_file_that_does_not_exist_yet_is_begun() {
        let mut file = file("");
        file.set("a", "\"3\"").unwrap();
        assert_eq!(file.text, "config:\n  a: \"3\"\n");
    }

    #[test]
    fn a_value_is_removed_with_all_its_lines() {
        let mut file = file(TEXT);
        file.remove("app:tags").unwrap();
        assert!(file.get("app:tags").is_err());
        assert!(file.get("size").is_ok() && !file.text.contains("c: d"));
    }

    #[test]
    fn a_form_that_lines_cannot_change_is_written_anew() {
        let mut file = file("config: {a: 1, b: 2}\n");
        file.set("a", "5").unwrap();
        assert_eq!(file.get("a").unwrap(), &Yaml::from(5));
        assert_eq!(file.get("b").unwrap(), &Yaml::from(2));
    }

    #[test]
    fn what_is_declared_secret_is_hidden_in_a_list_though_it_stands_in_the_file() {
        let declared = |key: &str, secret| Declared { key: key.to_owned(), ty: None, secret };
        let entries = [declared("app:token", true), declared("app:password", true), declared("app:size", false)];
        let file = file("config:\n  token: hunter2\n  app:password: {secure: v1:x}\n  size: 3\n  other:token: a\n");
        let secrets = file.secrets(&Program { project: "app".to_owned(), entries: entries.into() });
        insta::assert_snapshot!(listed(&file, &secrets, false), @r"
        KEY           VALUE
        token         [secret]
        app:password  [secret]
        size          3
        other:token   a
        ");
        let json = listed(&file, &secrets, true);
        assert!(!json.contains("hunter2") && json.contains("\"size\": 3"), "{json}");
        let warning = unsealed(&file, &secrets).unwrap();
        assert!(warning.contains("in Pulumi.prod.yaml: `token`; `drctl config set KEY --secret`"), "{warning}");
        assert_eq!(unsealed(&file, &[]), None);
    }

    #[test]
    fn sealed_values_are_recognised() {
        assert!(is_sealed(file(TEXT).get("key").unwrap()));
    }

    #[test]
    fn a_sealed_value_is_written_without_its_text_and_opens_again() {
        let environment = BTreeMap::from([("PULUMI_CONFIG_PASSPHRASE".to_owned(), "horse".to_owned())]);
        let mut file = file("# Mine.\nconfig:\n  a: 1");
        file.seal("password", "hunter2", &environment).unwrap();
        file.seal("token", "3", &environment).unwrap();
        assert!(file.text.starts_with("# Mine.\n") && !file.text.contains("hunter2"), "{}", file.text);
        assert_eq!(file.text.matches("encryptionsalt: v1:").count(), 1);
        assert_eq!(file.open(file.get("password").unwrap(), &environment).unwrap(), "hunter2");
        assert_eq!(file.open(file.get("token").unwrap(), &environment).unwrap(), "3");
        assert!(file.open(file.get("token").unwrap(), &BTreeMap::new()).is_err());
    }

    #[test]
    fn a_new_passphrase_opens_what_was_sealed_anew_and_the_old_one_opens_nothing() {
        let by = |text: &str| BTreeMap::from([("DRCTL_PASSPHRASE".to_owned(), text.to_owned())]);
        let (old, new) = (by("horse"), by("cow"));
        let mut file = file("# Mine.\nconfig:\n  size: 1 # few\n");
        assert_eq!(file.reseal(&old, &new).unwrap(), 0);
        file.seal("password", "hunter2", &old).unwrap();
        let inner = file.get("password").unwrap().clone();
        file.put("all", Yaml::Mapping(Mapping::from_iter([(Yaml::String("a".into()), inner)]))).unwrap();
        assert!(file.reseal(&by("goat"), &new).is_err());
        assert_eq!(file.reseal(&old, &new).unwrap(), 2);
        assert!(file.text.starts_with("# Mine.\n") && file.text.contains("size: 1 # few"), "{}", file.text);
        assert_eq!(file.text.matches("encryptionsalt: v1:").count(), 1);
        assert_eq!(file.open(file.get("password").unwrap(), &new).unwrap(), "hunter2");
        assert_eq!(file.open(file.get("all").unwrap().get("a").unwrap(), &new).unwrap(), "hunter2");
        assert!(file.open(file.get("password").unwrap(), &old).is_err());
        let before = file.text.clone();
        assert_eq!(file.reseal(&old, &new).unwrap(), 0, "it is sealed anew already");
        assert_eq!(file.text, before);
    }
}
