//! Python's names as Rust's. What the guest says is no Rust code: a name that is no plain identifier is
//! left out, text becomes comments and string literals.

use std::collections::HashSet;

/// Words that Rust keeps for itself; of these some cannot even be written raw.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "union", "unsafe", "unsized",
    "use", "virtual", "where", "while", "yield",
];
const NEVER_RAW: &[&str] = &["self", "Self", "super", "crate", "_"];

/// Whether it is an identifier in Python and, keywords apart, in Rust.
pub(super) fn is_plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= 100
        && bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `camelCase`, `CamelCase` and `UPPER` as `snake_case`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    let bytes = name.as_bytes();
    for (i, byte) in bytes.iter().enumerate() {
        let is_upper = |at: Option<&u8>| at.is_some_and(u8::is_ascii_uppercase);
        let is_lower = |at: Option<&u8>| at.is_some_and(u8::is_ascii_lowercase);
        let before = i.checked_sub(1).and_then(|i| bytes.get(i));
        let begins_word = byte.is_ascii_uppercase()
            && before.is_some_and(|before| *before != b'_')
            && (!is_upper(before) || is_lower(bytes.get(i + 1)));
        if begins_word {
            out.push('_');
        }
        out.push(byte.to_ascii_lowercase().into());
    }
    out
}

/// `snake_case` as `CamelCase`.
pub(super) fn camel(name: &str) -> String {
    let mut out = String::new();
    for part in name.split(['_', '.']) {
        let mut chars = part.chars();
        out.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(chars.as_str());
    }
    match out.bytes().next() {
        Some(first) if first.is_ascii_alphabetic() => out,
        _ => format!("Py{out}"),
    }
}

/// The names of one place, each given once.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// A place where some names are taken.
    pub(super) fn with(taken: &[&str]) -> Self {
        Self(taken.iter().map(|name| (*name).to_owned()).collect())
    }

    /// The name of a function or a parameter: `None` for what is no plain identifier.
    pub(super) fn value(&mut self, python: &str) -> Option<String> {
        if !is_plain(python) {
            return None;
        }
        let name = self.unique(snake(python), "_");
        Some(match &*name {
            name if KEYWORDS.contains(&name) => format!("r#{name}"),
            name if NEVER_RAW.contains(&name) => format!("{name}_"),
            _ => name,
        })
    }

    /// The name of a type.
    pub(super) fn kind(&mut self, python: &str) -> Option<String> {
        if !python.split('.').all(is_plain) {
            return None;
        }
        let name = self.unique(camel(python), "");
        Some(if NEVER_RAW.contains(&&*name) { format!("{name}_") } else { name })
    }

    /// The name, with a number behind it when it is taken.
    fn unique(&mut self, name: String, between: &str) -> String {
        let mut unique = name.clone();
        let mut number = 2;
        while !self.0.insert(unique.clone()) {
            unique = format!("{name}{between}{number}");
            number += 1;
        }
        unique
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_rusts() {
        let mut names = Names::with(&["import"]);
        let mut value = |name: &str| names.value(name).unwrap_or_default();
        assert_eq!(value("fooBar"), "foo_bar");
        assert_eq!(value("foo_bar"), "foo_bar_2");
        assert_eq!(value("HTTPServer"), "http_server");
        assert_eq!(value("MAX_SIZE"), "max_size");
        assert_eq!(value("type"), "r#type");
        assert_eq!(value("self"), "self_");
        assert_eq!(value("import"), "import_2");
        assert_eq!(value("x(); fn evil"), "");
        assert_eq!(value("größe"), "");
        assert_eq!(camel("os.path"), "OsPath");
        assert_eq!(camel("_2d"), "Py2d");
    }
}
