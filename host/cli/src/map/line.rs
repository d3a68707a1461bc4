//! The line of JSON that tells what became of an input.

use super::one;
use crate::ending::{self, Used};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// It, in the words of `run --json`.
#[derive(Serialize)]
struct Line<'a> {
    index: u64,
    input: &'a RawValue,
    status: ending::Ended,
    result: Option<&'a RawValue>,
    stdout: &'a str,
    stderr: &'a str,
    exit_code: i32,
    duration_ms: f64,
    stopped_by: Option<&'static str>,
    error: Option<&'a ending::Failure>,
}

/// One line, without its end.
pub(crate) fn to_json(index: u64, input: &RawValue, ended: &one::Ended) -> String {
    let report = ended.ending.report(&ended.stdout, &ended.stderr, ended.duration, Used::default());
    let line = Line {
        index,
        input,
        status: report.status,
        result: ended.result.as_deref(),
        stdout: report.stdout,
        stderr: report.stderr,
        exit_code: report.exit_code,
        duration_ms: report.duration_ms,
        stopped_by: report.stopped_by,
        error: report.error,
    };
    serde_json::to_string(&line).unwrap_or_default()
}

/// What of a line says why an input failed.
#[derive(Deserialize)]
struct Reason<'a> {
    index: u64,
    #[serde(borrow)]
    input: &'a RawValue,
    exit_code: i32,
    error: Option<Error>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(rename = "type")]
    kind: String,
    message: String,
}

/// Characters that are shown of an input, and of what went wrong.
const SHOWN: (usize, usize) = (60, 200);

/// Which input failed and why, for people: short, in one line, with nothing that a terminal would obey.
pub(crate) fn reason(line: &str) -> String {
    let Ok(Reason { index, input, exit_code, error }) = serde_json::from_str(line) else {
        return String::new();
    };
    let name =
        serde_json::from_str::<String>(input.get()).unwrap_or_else(|_| input.get().to_owned());
    let why = match error {
        Some(Error { kind, message }) if message.is_empty() => kind,
        Some(Error { kind, message }) => format!("{kind}: {message}"),
        None => format!("exit status {exit_code}"),
    };
    format!("{index} ({}): {}", shown(&name, SHOWN.0), shown(&why, SHOWN.1))
}

/// At most so many characters of a text.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let line: String = text.chars().take(most).map(plain).collect();
    if text.chars().nth(most).is_some() { line + "…" } else { line }
}
