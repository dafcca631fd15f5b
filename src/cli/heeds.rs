//! Which of the flags that may stand anywhere a command heeds. The others are left out of its help, and
//! refused: a flag that is taken and does nothing misleads.

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};

/// Flags that say what a run touches.
const SELECTION: [&str; 9] = [
    "targets",
    "target_dependents",
    "excludes",
    "exclude_dependents",
    "replaces",
    "regions",
    "unavailable",
    "refresh",
    "parallel",
];

/// Flags that mean something only where there is a project.
const PROJECT: [&str; 7] = ["stack", "config", "cwd", "local", "state", "secrets", "yes"];

/// What makes sense only together: a flag, and the one that it belongs to.
const TOGETHER: [(&str, &str); 2] = [("target_dependents", "targets"), ("exclude_dependents", "excludes")];

/// Whether a command heeds a flag that may stand anywhere. The command is named as on the command
/// line: `state ls`.
fn heeds(command: &str, flag: &str) -> bool {
    let runs = matches!(command, "up" | "preview" | "preview --destroy" | "destroy" | "refresh");
    match flag {
        "replaces" => matches!(command, "up" | "preview"),
        "regions" => runs || command == "import",
        _ if SELECTION.contains(&flag) => runs,
        "json" => {
            runs || matches!(
                command,
                "validate"
                    | "outputs"
                    | "stack ls"
                    | "stack export"
                    | "state ls"
                    | "state show"
                    | "state check"
                    | "config ls"
                    | "config get"
                    | "history"
                    | "history show"
                    | "explain"
                    | "permissions"
                    | "schema"
                    | "doctor"
                    | "local advance"
                    | "local inspect"
            )
        }
        _ if PROJECT.contains(&flag) => !matches!(command, "explain" | "schema" | "completions" | "man"),
        _ => true,
    }
}

/// The commands that heed a flag, for a hint.
fn takers(flag: &str) -> &'static str {
    match flag {
        "replaces" => "`up` and `preview` take it",
        "regions" => "`up`, `preview`, `destroy`, `refresh` and `import` take it",
        _ if SELECTION.contains(&flag) => "`up`, `preview`, `destroy` and `refresh` take it",
        "json" => "commands that list or show something take it",
        _ => "leave it out",
    }
}

/// The command line with only those flags in each command's help that it heeds.
pub(super) fn fitted(mut command: Command) -> Command {
    command.build();
    for sub in command.get_subcommands_mut() {
        fit(sub, "");
    }
    command
}

fn fit(command: &mut Command, above: &str) {
    let path = format!("{above}{}", command.get_name());
    let below: Vec<String> = command.get_subcommands().map(|sub| format!("{path} {}", sub.get_name())).collect();
    let heeded = |flag: &str| heeds(&path, flag) || below.iter().any(|path| heeds(path, flag));
    let owned = std::mem::take(command);
    *command = owned.mut_args(|arg| if heeded(arg.get_id().as_str()) { arg } else { arg.hide(true) });
    for sub in command.get_subcommands_mut() {
        fit(sub, &format!("{path} "));
    }
}

/// Refuses flags that the command would not heed.
pub(super) fn check(root: &Command, matches: &ArgMatches) -> Result<()> {
    let (command, leaf) = named(matches);
    // What comes later is refused as a whole, with a text of its own.
    if root.find_subcommand(&command).is_some_and(Command::is_hide_set) {
        return Ok(());
    }
    let given = |flag: &str| leaf.value_source(flag) == Some(ValueSource::CommandLine);
    let known = |flag: &&str| leaf.try_contains_id(flag).is_ok();
    let anywhere = SELECTION.into_iter().chain(["json"]).chain(PROJECT).filter(known);
    if let Some(flag) = anywhere.filter(|flag| given(flag)).find(|flag| !heeds(&command, flag)) {
        let message = format!("`{}` means nothing to `drctl {command}`", spelt(root, flag));
        return Err(Failure::new(Exit::Configuration, message, takers(flag)));
    }
    for (flag, with) in TOGETHER {
        if known(&flag) && given(flag) && !given(with) {
            let (flag, with) = (spelt(root, flag), spelt(root, with));
            let message = format!("`{flag}` means nothing without `{with}`");
            return Err(Failure::new(Exit::Configuration, message, format!("name resources with `{with}`")));
        }
    }
    let regions = leaf.try_get_many::<String>("regions").ok().flatten().map_or(0, Iterator::count);
    if command == "import" && regions > 1 {
        let message = format!("`drctl import` takes one `--region`, and {regions} were given");
        return Err(Failure::new(Exit::Configuration, message, "give one, or name a file with `--from`"));
    }
    Ok(())
}

/// The command, if it shows something of the twin and does not say so itself. Nobody may take what is
/// simulated for what there is.
pub(super) fn command_of_the_twin(matches: &ArgMatches) -> Option<String> {
    let (command, leaf) = named(matches);
    let shows = matches!(
        command.split(' ').next(),
        Some("outputs" | "stack" | "state" | "history" | "unlock" | "import" | "graph")
    );
    let local = leaf.try_get_one::<bool>("local").ok().flatten().is_some_and(|local| *local);
    (shows && local || matches!(command.as_str(), "local advance" | "local reset")).then_some(command)
}

/// The command that was given and its own arguments.
fn named(matches: &ArgMatches) -> (String, &ArgMatches) {
    let (mut words, mut leaf) = (Vec::new(), matches);
    while let Some((name, below)) = leaf.subcommand() {
        words.push(name);
        leaf = below;
    }
    if words == ["preview"] && leaf.get_flag("destroy") {
        words.push("--destroy");
    }
    (words.join(" "), leaf)
}

fn spelt(root: &Command, flag: &str) -> String {
    let arg = root.get_arguments().find(|arg| arg.get_id() == flag);
    format!("--{}", arg.and_then(|arg| arg.get_long()).unwrap_or(flag))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn who_shows_something_of_the_twin_says_so_once() {
        let of = |line: &str| {
            let matches = fitted(Cli::command()).try_get_matches_from(line.split(' ')).unwrap();
            command_of_the_twin(&matches)
        };
        assert_eq!(of("drctl state ls --local"), Some("state ls".to_owned()));
        assert_eq!(of("drctl outputs --local --json"), Some("outputs".to_owned()));
        assert_eq!(of("drctl local advance 24h"), Some("local advance".to_owned()));
        assert_eq!(of("drctl state ls"), None);
        assert_eq!(of("drctl up --local"), None, "the run begins with it");
        assert_eq!(of("drctl config ls --local"), None, "there is nothing simulated in a file");
    }

    fn said(line: &str) -> String {
        let root = fitted(Cli::command());
        let matches = root.clone().try_get_matches_from(line.split(' ')).unwrap();
        match check(&root, &matches) {
            Ok(()) => "fits".to_owned(),
            Err(Failure::Error(_, error)) => format!("{error}; {}", error.hint.as_deref().unwrap()),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_flag_that_a_command_does_not_heed_is_refused_and_those_that_do_are_named() {
        let takers = "`up`, `preview`, `destroy` and `refresh` take it";
        assert_eq!(said("drctl outputs --target a"), format!("`--target` means nothing to `drctl outputs`; {takers}"));
        assert_eq!(
            said("drctl --target a state ls"),
            format!("`--target` means nothing to `drctl state ls`; {takers}")
        );
        assert!(said("drctl graph --region a").ends_with("and `import` take it"));
        assert!(said("drctl import t n i --region a --region b").contains("takes one `--region`"));
        for line in [
            "drctl destroy --replace a",
            "drctl refresh --replace a",
            "drctl preview --destroy --replace a",
            "drctl import t n i --target a",
            "drctl graph --json",
            "drctl state rm a --json",
            "drctl man --json",
            "drctl schema -c a=b",
            "drctl man --yes",
            "drctl explain --stack a",
        ] {
            assert!(said(line).contains("means nothing to"), "{line}: {}", said(line));
        }
    }

    #[test]
    fn a_flag_that_another_one_gives_its_sense_is_refused_without_it() {
        assert_eq!(
            said("drctl up --target-dependents"),
            "`--target-dependents` means nothing without `--target`; name resources with `--target`"
        );
        assert!(said("drctl destroy --exclude-dependents --target a").contains("without `--exclude`"));
    }

    #[test]
    fn a_flag_that_a_command_heeds_may_stand_before_and_after_it() {
        for line in [
            "drctl --target a up --target-dependents",
            "drctl up --replace a --json -y",
            "drctl preview -p 3",
            "drctl --json state show a",
            "drctl history show --json",
            "drctl explain --json",
            "drctl import t n i --region a",
        ] {
            assert_eq!(said(line), "fits", "{line}");
        }
    }

    #[test]
    fn the_help_of_a_command_lists_only_what_it_heeds() {
        let mut root = fitted(Cli::command());
        let mut help = |words: &[&str]| {
            let mut command = &mut root;
            for word in words {
                command = command.find_subcommand_mut(word).unwrap();
            }
            command.render_long_help().to_string()
        };
        assert!(help(&["up"]).contains("--replace") && !help(&["destroy"]).contains("--replace"));
        assert!(help(&["import"]).contains("--region") && !help(&["import"]).contains("--target"));
        for words in [&["state"][..], &["state", "ls"], &["outputs"], &["man"]] {
            assert!(!help(words).contains("What to touch"), "{words:?}");
        }
        assert!(!help(&["man"]).contains("--json") && help(&["validate"]).contains("--json"));
    }
}
