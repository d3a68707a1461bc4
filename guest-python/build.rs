//! Lists the files of the recipe so that `src/recipe/inputs.rs` can embed them: an installed `ophidia` builds
//! the guest without this folder; and works out the keys of what they give. Nothing is built or fetched.

#[path = "src/recipe/keys.rs"]
mod keys;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Folders whose files are embedded, with the endings that count.
const FOLDERS: [(&str, &[&str]); 7] = [
    ("bridge", &["c", "h"]),
    ("python", &["py"]),
    ("ophidia", &["py"]),
    ("patches", &["patch"]),
    ("packages", &["c", "cpp", "h", "patch", "py", "s", "sh", "toml"]),
    ("profile", &["profdata"]),
    ("recipe", &["py"]),
];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let mut files = Vec::new();
    let mut code = String::from("pub(crate) static FILES: &[(&str, &[u8])] = &[\n");
    for (folder, endings) in FOLDERS {
        println!("cargo:rerun-if-changed={folder}");
        let mut names = Vec::new();
        list(&root.join(folder), endings, &mut names)?;
        names.sort();
        for path in names {
            let name = path.strip_prefix(&root).map_err(io::Error::other)?.to_string_lossy();
            files.push((name.clone().into_owned(), fs::read(&path)?));
            // Found from the folder at hand: what is built may be used again beside another checkout.
            let found = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), {:?})", format!("/{name}"));
            writeln!(code, "    ({name:?}, include_bytes!({found})),").map_err(io::Error::other)?;
        }
    }
    code.push_str("];\n");
    println!("cargo:rerun-if-changed=guest.lock.toml");
    println!("cargo:rerun-if-changed=src/recipe/keys.rs");
    let lock = fs::read_to_string(root.join("guest.lock.toml"))?;
    let mut header = String::new();
    ophidia_abi::header::write(&mut header).map_err(io::Error::other)?;
    let files = files.iter().map(|(name, bytes)| (&**name, &**bytes));
    let keys = keys::keys((&lock, &header), files).map_err(io::Error::other)?;
    let lock = lock.parse::<toml::Table>().map_err(io::Error::other)?;
    let python = lock.get("python").and_then(|version| version.as_str()).unwrap_or_default();
    let libraries = lock.get("needs").cloned().unwrap_or(toml::Value::Array(Vec::new()));
    fs::write(out.join("files.rs"), code)?;
    fs::write(out.join("keys.rs"), known(python, &libraries.to_string(), &keys))
}

/// What a program knows of the recipe without its files.
fn known(python: &str, libraries: &str, keys: &keys::Keys) -> String {
    let keys::Keys { cpython, bridge, packages, flavours } = keys;
    let series = python.rsplit_once('.').map_or(python, |(series, _)| series);
    let mut code = format!(
        "/// The version of CPython in the guest, such as `3.14.7`.\n\
         pub const PYTHON: &str = {python:?};\n\n\
         /// Its series, such as `3.14`.\n\
         pub const SERIES: &str = {series:?};\n\n\
         /// Where the guest sees its standard library.\n\
         pub const STDLIB: &str = \"/usr/lib/python{series}\";\n\n\
         pub(crate) const CPYTHON: &str = {cpython:?};\n\
         pub(crate) const BRIDGE: &str = {bridge:?};\n\
         pub(crate) const LIBRARIES: &[&str] = &{libraries};\n\
         pub(crate) const FLAVOURS: &[(&str, &[&str])] = &[\n"
    );
    for (name, names) in flavours {
        code += &format!("    ({name:?}, &{names:?}),\n");
    }
    code += "];\npub(crate) const PACKAGES: &[Package] = &[\n";
    for keys::Package { name, version, what, needs, imports, tool, key, face } in packages {
        code += &format!(
            "    Package {{ name: {name:?}, version: {version:?}, what: {what:?}, needs: &{needs:?}, \
             imports: &{imports:?}, tool: {tool}, key: {key:?}, face: {face:?} }},\n"
        );
    }
    code + "];\n"
}

fn list(folder: &Path, endings: &[&str], names: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, endings, names)?;
        } else if path.extension().is_some_and(|e| endings.iter().any(|ending| e == *ending)) {
            names.push(path);
        }
    }
    Ok(())
}
