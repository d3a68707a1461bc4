//! What the command's options have to do with a limit that fired. The library's messages name none of them.

use ophidia::LimitExceeded;

/// What helps, by the limit's name.
const WAYS_OUT: [(&str, &str); 12] = [
    ("timeout", "raise it with --timeout"),
    ("cpu", "raise it with --cpu"),
    ("life", "raise it with --life"),
    ("fuel", "raise it with --fuel"),
    ("memory", "raise it with --memory"),
    ("host_memory", "raise it with --host-memory"),
    ("value", "raise it with --value"),
    ("objects", "raise it with --objects"),
    ("host_calls", "raise it with --host-calls"),
    ("host_call_time", "raise it with --host-call-time"),
    ("files", "raise it with --files"),
    ("output", "raise it with --captured; `ophidia run` without --json holds none"),
];

/// The limit's message, and the way out.
pub(crate) fn message(limit: &LimitExceeded) -> String {
    match WAYS_OUT.iter().find(|(name, _)| *name == limit.name()) {
        Some((_, way)) => format!("{limit} ({way})"),
        None => limit.to_string(),
    }
}
