//! The program: arguments in, exit code out.

fn main() -> std::process::ExitCode {
    drctl::cli::run(std::env::args_os())
}
