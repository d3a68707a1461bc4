//! Why a connection is refused, in words that are safe to show.

use super::blank::Needles;

/// Longest text of a refusal, in characters.
const MOST_TEXT: usize = 400;

/// Longest quotation of the guest's text within one.
const MOST_QUOTED: usize = 80;

/// Which sort of rule a connection broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What was asked is well-formed but not granted, or may not come back.
    Denied,
    /// The bytes are not HTTP/1, or HTTP/1 that two readers could take differently.
    Malformed,
    /// The interpreter has used up what it may send or receive.
    Quota,
}

/// The end of a mediated connection. Its text holds no secret and no control character.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Refusal {
    /// What was refused, by which rule, and the way out; at most 400 characters.
    pub(crate) text: String,
    pub(crate) kind: Kind,
}

/// A refusal whose text has not been made safe yet. It quotes the guest, never the origin.
#[derive(Debug)]
pub(super) struct Fault {
    kind: Kind,
    text: String,
    /// The path that was asked for.
    path: String,
}

impl Fault {
    fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), path: String::new() }
    }

    /// The same, of a request for this target.
    pub(super) fn of_target(self, target: &str) -> Self {
        let path = target.split('?').next().filter(|path| path.starts_with('/'));
        Self { path: path.unwrap_or_default().into(), ..self }
    }

    /// The origin, and the path that was asked for: safe to show, as the text of a refusal is.
    pub(super) fn place(&self, origin: &str, needles: &Needles) -> String {
        safe(&format!("{origin}{}", self.path), needles)
    }

    pub(super) fn denied(text: impl Into<String>) -> Self {
        Self::new(Kind::Denied, text)
    }

    pub(super) fn malformed(text: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, text)
    }

    pub(super) fn quota(text: impl Into<String>) -> Self {
        Self::new(Kind::Quota, text)
    }

    /// The same, said of what the origin has sent.
    pub(super) fn of_origin(self) -> Self {
        Self { text: format!("in the origin's response, {}", self.text), ..self }
    }

    /// Names the origin, blanks secrets, escapes control characters, and cuts; in this order, so that no cut goes
    /// through a secret that would have been blanked.
    pub(super) fn refusal(self, origin: &str, needles: &Needles) -> Refusal {
        Refusal { text: safe(&format!("{origin}: {}", self.text), needles), kind: self.kind }
    }
}

/// A text without secrets and control characters, and not too long.
fn safe(text: &str, needles: &Needles) -> String {
    let text = needles.blank(text.as_bytes());
    let mut safe = String::new();
    for char in String::from_utf8_lossy(&text).chars() {
        match char.is_control() {
            true => safe.extend(char.escape_default()),
            false => safe.push(char),
        }
    }
    cut(&safe, MOST_TEXT)
}

/// The guest's text within a message.
pub(super) fn quoted(text: &[u8]) -> String {
    format!("'{}'", cut(&String::from_utf8_lossy(text), MOST_QUOTED))
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.into(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}
