//! Lists the files of the recipe so that `src/recipe/inputs.rs` can embed them: an installed `ophidia` builds
//! the guest without this folder; and works out the keys of what they give. Nothing is built or fetched.

#[path = "src/recipe/keys.rs"]
mod keys;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Folders whose files are embedded, with the endings that count.
const FOLDERS: [(&str, &[&str]); 8] = [
    ("bridge", &["c", "h"]),
    ("python", &["py"]),
    ("ophidia", &["py"]),
    ("patches", &["patch"]),
    ("numpy", &["c", "cpp", "cross", "h", "patch", "sh"]),
    ("openblas", &["c", "patch"]),
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
    let [cpython, numpy, guest] = keys::keys((&lock, &header), files);
    let lock = lock.parse::<toml::Table>().map_err(io::Error::other)?;
    let python = lock.get("python").and_then(|version| version.as_str()).unwrap_or_default();
    let series = python.rsplit_once('.').map_or(python, |(series, _)| series);
    let numpy_version = version_of(&lock, "numpy").unwrap_or_default();
    fs::write(out.join("files.rs"), code)?;
    fs::write(
        out.join("keys.rs"),
        format!(
            "/// The version of CPython in the guest, such as `3.14.7`.\n\
             pub const PYTHON: &str = {python:?};\n\n\
             /// Its series, such as `3.14`.\n\
             pub const SERIES: &str = {series:?};\n\n\
             /// Where the guest sees its standard library.\n\
             pub const STDLIB: &str = \"/usr/lib/python{series}\";\n\n\
             /// The version of numpy in the guest, such as `2.5.5`.\n\
             pub const NUMPY: &str = {numpy_version:?};\n\n\
             const PINNED: [&str; 3] = [{cpython:?}, {numpy:?}, {guest:?}];\n"
        ),
    )
}

/// The version of one of the lock file's sources.
fn version_of<'a>(lock: &'a toml::Table, name: &str) -> Option<&'a str> {
    let named =
        |source: &&toml::Value| source.get("name").and_then(toml::Value::as_str) == Some(name);
    lock.get("source")?.as_array()?.iter().find(named)?.get("version")?.as_str()
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
