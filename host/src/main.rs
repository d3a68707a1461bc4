//! The `ophidia` command: parses its arguments, runs, ends with a status.

mod cli;

fn main() {
    let status = cli::main(std::env::args_os());
    // Everything is flushed by now; tearing down the engine would only cost time.
    std::process::exit(status.code());
}
