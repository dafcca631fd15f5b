//! `drctl completions`: a script that completes commands in a shell.

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::failure::Result;
use crate::render;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Shell to write for
    shell: clap_complete::Shell,
}

pub(super) fn run(arguments: &Arguments, mut command: clap::Command) -> Result {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "drctl", &mut script);
    render::data(String::from_utf8_lossy(&script));
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn every_shell_gets_a_script_that_knows_the_commands() {
        use clap::ValueEnum;
        for shell in clap_complete::Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut crate::cli::Cli::command(), "drctl", &mut script);
            assert!(String::from_utf8(script).unwrap().contains("permissions"), "{shell}");
        }
    }
}
