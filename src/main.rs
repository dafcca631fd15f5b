//! The program: arguments in, exit code out.

fn main() -> std::process::ExitCode {
    drctl::render::panic::tell_no_values();
    drctl::cli::run(std::env::args_os())
}
