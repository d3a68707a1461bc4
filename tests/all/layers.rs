//! `host/src` is built in layers: what a file uses lies below its folder or inside it, never above.
//!
//! Read are all paths that leave a file: `use crate::…`, paths in the middle of code or of a macro, names
//! that `lib.rs` exports, and `super::` where it climbs out of the folder. There is no list of exceptions.

use anyhow::{Context as _, Result, anyhow, ensure};
use proc_macro2::{Ident, TokenStream, TokenTree};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of `host/src` and their layers. A new folder is entered here and in ARCHITECTURE.md.
const ROOMS: &[(&str, u8)] = &[
    ("error", 0),
    ("policy", 0),
    ("value", 0),
    ("version", 0),
    ("image", 1),
    ("sandbox", 2),
    ("bridge", 3),
    ("python", 4),
    ("object", 4),
    ("function", 4),
    ("convert", 4),
    ("array", 4),
    ("checkpoint", 5),
    ("pool", 6),
    ("tasklet", 7),
    // The guide's programs, as documentation tests.
    ("guide", 8),
];

/// The layer of the nouns of the API, which need one another.
const NOUNS: u8 = 4;

fn layer(room: &str) -> Option<u8> {
    ROOMS.iter().find(|(name, _)| *name == room).map(|(_, layer)| *layer)
}

/// Whether a folder may use another.
fn may_use(from: (&str, u8), to: (&str, u8)) -> bool {
    from.0 == to.0
        || to.1 < from.1
        || (from.1 == NOUNS && to.1 == NOUNS)
        || (from.0 == "error" && to.0 == "value")
}

/// A source file of the library, by its path below `host/src`.
struct Source {
    path: String,
    tokens: TokenStream,
}

impl Source {
    fn new(path: &str, text: &str) -> Result<Self> {
        let tokens = text.parse().map_err(|error| anyhow!("{path}: {error}"))?;
        Ok(Self { path: path.to_owned(), tokens })
    }

    /// The modules that lead to it: `bridge/encode.rs` is `bridge::encode`.
    fn modules(&self) -> Vec<String> {
        self.path.trim_end_matches(".rs").split('/').map(str::to_owned).collect()
    }
}

/// Where the names live that are reached by way of the crate's root: what `lib.rs` exports, and macros.
struct Root(BTreeMap<String, String>);

impl Root {
    fn of(lib: &Source, sources: &[Source]) -> Self {
        let mut names = BTreeMap::new();
        let tokens: Vec<_> = lib.tokens.clone().into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            if let (true, Some(TokenTree::Ident(room))) = (is(token, "use"), tokens.get(at + 1)) {
                for name in exported(tokens.get(at + 2..).unwrap_or_default()) {
                    names.insert(name, room.to_string());
                }
            }
        }
        for source in sources {
            let room = source.modules().swap_remove(0);
            let tokens: Vec<_> = source.tokens.clone().into_iter().collect();
            for (at, token) in tokens.iter().enumerate() {
                if let (true, Some(TokenTree::Ident(name))) =
                    (is(token, "macro_rules"), tokens.get(at + 2))
                {
                    names.insert(name.to_string(), room.clone());
                }
            }
        }
        Self(names)
    }

    /// The folder of what stands behind `crate::`.
    fn room<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let room =
            if layer(name).is_some() { Some(name) } else { self.0.get(name).map(|it| &**it) };
        room.filter(|room| layer(room).is_some())
    }
}

/// All names up to the semicolon.
fn exported(tokens: &[TokenTree]) -> Vec<String> {
    let mut names = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ';' => break,
            TokenTree::Ident(name) => names.push(name.to_string()),
            TokenTree::Group(group) => {
                names.extend(exported(&group.stream().into_iter().collect::<Vec<_>>()));
            }
            _ => {}
        }
    }
    names
}

fn is(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

/// Whether a path separator stands there.
fn separator(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    colon(at) && colon(at + 1)
}

/// The names that a path goes on with: one, or those of a group in braces.
fn next_names(tokens: &[TokenTree], at: usize) -> Vec<Ident> {
    match tokens.get(at) {
        Some(TokenTree::Ident(name)) => vec![name.clone()],
        Some(TokenTree::Group(group)) => {
            let inside: Vec<_> = group.stream().into_iter().collect();
            let begins = |token: &TokenTree| !matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
            inside.split(|token| !begins(token)).flat_map(|item| next_names(item, 0)).collect()
        }
        _ => Vec::new(),
    }
}

/// Names that are reached from the crate's root, in a file whose modules these are.
fn from_root(tokens: TokenStream, modules: &mut Vec<String>, found: &mut Vec<Ident>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let begins = at < 2 || !separator(&tokens, at - 2);
        match token {
            TokenTree::Ident(name)
                if begins
                    && (name == "crate" || name == "ophidia")
                    && separator(&tokens, at + 1) =>
            {
                found.extend(next_names(&tokens, at + 3));
            }
            TokenTree::Ident(name) if begins && name == "super" => {
                let mut depth = modules.len();
                let mut next = at;
                while tokens.get(next).is_some_and(|token| is(token, "super")) {
                    depth = depth.saturating_sub(1);
                    next += if separator(&tokens, next + 1) { 3 } else { 1 };
                }
                if depth == 0 {
                    found.extend(next_names(&tokens, next));
                }
            }
            TokenTree::Group(group) => {
                let named = at.checked_sub(1).and_then(|at| tokens.get(at));
                let module = match (named, at.checked_sub(2).and_then(|at| tokens.get(at))) {
                    (Some(TokenTree::Ident(name)), Some(before)) if is(before, "mod") => {
                        Some(name.to_string())
                    }
                    _ => None,
                };
                let inside = module.is_some();
                modules.extend(module);
                from_root(group.stream(), modules, found);
                if inside {
                    modules.pop();
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// What is wrong with a file: each name it uses that lies where it may not look.
fn violations(source: &Source, root: &Root) -> Vec<String> {
    let mut modules = source.modules();
    let room = modules[0].clone();
    let place = |line: usize| format!("host/src/{}:{line}", source.path);
    let Some(from) = layer(&room) else {
        return vec![format!(
            "{}: the folder {room}/ has no layer: enter it in ROOMS of tests/all/layers.rs",
            place(1)
        )];
    };
    let mut found = Vec::new();
    from_root(source.tokens.clone(), &mut modules, &mut found);
    let wrong = |name: Ident| {
        let line = name.span().start().line;
        let name = name.to_string();
        let Some(to) = root.room(&name) else {
            return Some(format!(
                "{}: crate::{name} is neither a folder nor exported by lib.rs",
                place(line)
            ));
        };
        let to_layer = layer(to)?;
        (!may_use((&room, from), (to, to_layer))).then(|| {
            format!(
                "{}: {room}/ (layer {from}) uses crate::{name} of {to}/ (layer {to_layer})",
                place(line)
            )
        })
    };
    found.into_iter().filter_map(wrong).collect()
}

/// The files of a folder and those below, by their paths in it.
fn sources(folder: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| next.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
                sources.push(Source::new(&name, &fs::read_to_string(&path)?)?);
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(sources)
}

#[test]
fn what_a_folder_uses_lies_below_it() -> Result<()> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../host/src");
    let mut sources = sources(&folder)?;
    let lib = sources.iter().position(|source| source.path == "lib.rs");
    let lib = sources.swap_remove(lib.context("no lib.rs")?);
    ensure!(sources.len() > 50, "only {} files were found", sources.len());
    let root = Root::of(&lib, &sources);
    let wrong: Vec<_> = sources.iter().flat_map(|source| violations(source, &root)).collect();
    ensure!(wrong.is_empty(), "{} uses point up:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

/// What is said of a file with this text.
fn said(path: &str, text: &str) -> Vec<String> {
    let lib = "mod python; pub use python::{Interpreter, Python as Py}; pub use value::Value;";
    let lib = Source::new("lib.rs", lib).expect("it is Rust");
    let source = Source::new(path, text).expect("it is Rust");
    violations(&source, &Root::of(&lib, &[]))
}

#[test]
fn each_way_to_look_up_is_noticed() {
    let up = |path: &str, text: &str, line: usize, name: &str| {
        let said = said(path, text);
        let begins = format!("host/src/{path}:{line}: ");
        assert_eq!(said.len(), 1, "{text}: {said:?}");
        assert!(said[0].starts_with(&begins) && said[0].contains(name), "{text}: {said:?}");
    };
    up("sandbox/x.rs", "use crate::python::Python;", 1, "crate::python of python/ (layer 4)");
    up("sandbox.rs", "use crate::{\n    error::Error,\n    bridge::{a, b},\n};", 3, "bridge");
    up("bridge/x.rs", "fn f() {\n    g(|| crate::object::Object)\n}", 2, "object");
    up("bridge/x.rs", "macro_rules! m { () => { $crate::Interpreter } }", 1, "python/");
    up("bridge/x.rs", "use ophidia::Py;", 1, "python/");
    up("sandbox/wasi/x.rs", "use super::super::super::array::a;", 1, "array");
    up("sandbox/x.rs", "mod tests {\n    use super::super::super::{array, error};\n}", 2, "array");
    up("value/x.rs", "use crate::error::Error;", 1, "error/ (layer 0)");
    up("policy.rs", "use crate::value::Value;", 1, "value/ (layer 0)");
    up("image.rs", "use crate::elsewhere::Thing;", 1, "neither a folder nor exported");
    up("attic/x.rs", "use crate::error::Error;", 1, "attic/ has no layer");
}

#[test]
fn down_beside_and_inside_is_free() {
    for (path, text) in [
        ("sandbox/x.rs", "use crate::{error::Error, image::engine};"),
        ("error.rs", "use crate::value::Value;"),
        ("python/x.rs", "use crate::{array, convert, function, object, Value};"),
        ("sandbox/wasi/x.rs", "use super::super::memory; use crate::sandbox::control;"),
        ("bridge.rs", "mod tests { use super::*; }"),
        ("bridge/x.rs", "//! [`Interpreter`](crate::Interpreter)\npub(crate) fn f() {}"),
        ("bridge/x.rs", "// crate::python\nconst TEXT: &str = \"crate::python\";"),
    ] {
        assert_eq!(said(path, text), Vec::<String>::new(), "{text}");
    }
}

/// The command has options; the library is used without it, and names none of them. Comments may.
#[test]
fn no_text_of_the_library_names_an_option_of_the_command() -> Result<()> {
    let mut texts = 0;
    let mut folders = vec![crate::support::repository().join("host/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            for (number, line) in fs::read_to_string(&path)?.lines().enumerate() {
                let line = line.trim_start();
                texts += usize::from(line.contains('"'));
                let named = !line.starts_with("//") && names_an_option(line);
                ensure!(!named, "{}:{}: {line}", path.display(), number + 1);
            }
        }
    }
    ensure!(texts > 1_000, "{texts} lines with texts were read");
    Ok(())
}

/// Whether a line has two hyphens and a letter behind them.
fn names_an_option(line: &str) -> bool {
    let letter = |at: usize| line.as_bytes().get(at + 2).is_some_and(u8::is_ascii_lowercase);
    line.match_indices("--").any(|(at, _)| letter(at))
}

#[test]
fn an_option_is_noticed() {
    assert!(names_an_option("\"grant it with --net\"") && names_an_option("(--http)"));
    assert!(!names_an_option("a - b -- c") && !names_an_option("\"---\""));
}
