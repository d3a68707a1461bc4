//! What the command's options have to do with a limit that fired. The library's messages name none of them.

use ophidia::LimitExceeded;

/// What helps, by the limit's name.
const WAYS_OUT: [(&str, &str); 5] = [
    ("timeout", "raise it with --timeout"),
    ("cpu", "raise it with --cpu"),
    ("fuel", "raise it with --fuel"),
    ("memory", "raise it with --memory"),
    ("output", "`ophidia run` without --json holds no output"),
];

/// The limit's message, and the way out.
pub(crate) fn message(limit: &LimitExceeded) -> String {
    match WAYS_OUT.iter().find(|(name, _)| *name == limit.name()) {
        Some((_, way)) => format!("{limit} ({way})"),
        None => limit.to_string(),
    }
}
