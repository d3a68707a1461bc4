//! How a program ended, and what is left to do and to say then.

use crate::ending::{Ending, Used};
use crate::interrupt::Interrupts;
use crate::progress::say;
use crate::sandbox::Sandbox;
use crate::status::Status;
use ophidia::Interpreter;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// Shows how the main program ended, and lets the rest of it end; gives how all of it ended.
pub(super) fn end(
    py: &mut Interpreter,
    interrupts: &Interrupts,
    mut ending: Ending,
    sandbox: &Sandbox,
    said: &mut String,
    json: bool,
) -> Ending {
    show(&ending, said, json);
    if !py.is_poisoned() {
        let (result, interrupted) = interrupts.during(py, |py| py.finish());
        if result.is_err() {
            ending = ending.finished(result, interrupted);
            show(&ending, said, json);
        }
    }
    if !sandbox.trees().write_out(py, None) {
        ending.status = ending.status.or_unflushed();
    }
    ending
}

/// Says why there is no program that runs.
pub(super) fn not_begun(ending: &Ending, json: bool, started: Instant) -> Status {
    if json {
        return print_report(ending, None, "", started.elapsed());
    }
    ending.show();
    ending.status
}

/// Shows how the program ended; with --json it is kept for the report.
fn show(ending: &Ending, said: &mut String, json: bool) {
    if json {
        said.push_str(&ending.said);
    } else {
        ending.show();
    }
}

/// Prints the line of `--json` and gives the exit status, which is another one where that was impossible.
/// That nobody reads it any more is no failure.
pub(super) fn print_report(
    ending: &Ending,
    py: Option<&mut Interpreter>,
    said: &str,
    elapsed: Duration,
) -> Status {
    let (stdout, stderr, used) = match py {
        Some(py) => {
            let (usage, fuel) = (py.usage(), py.fuel().unwrap_or_default());
            let used = Used { peak_memory: usage.peak_memory, cpu: usage.cpu, fuel };
            (py.take_stdout(), py.take_stderr(), used)
        }
        None => (Vec::new(), Vec::new(), Used::default()),
    };
    let stderr = String::from_utf8_lossy(&stderr) + said;
    let report = ending.report(&String::from_utf8_lossy(&stdout), &stderr, elapsed, used).to_json();
    match writeln!(std::io::stdout(), "{report}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            say(&format!("the report cannot be written: {error}"));
            Status::UNFLUSHED
        }
        _ => ending.status,
    }
}
