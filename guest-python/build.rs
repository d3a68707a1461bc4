//! Lists the files of the recipe so that `src/inputs.rs` can embed them: an installed `ophidia` builds
//! the guest without this folder. Nothing is built or fetched here.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Folders whose files are embedded, with the endings that count.
const FOLDERS: [(&str, &[&str]); 7] = [
    ("bridge", &["c", "h"]),
    ("python", &["py"]),
    ("patches", &["patch"]),
    ("numpy", &["c", "cpp", "cross", "h", "patch", "sh"]),
    ("openblas", &["c", "patch"]),
    ("profile", &["profdata"]),
    ("recipe", &["py"]),
];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let mut code = String::from("pub(crate) static FILES: &[(&str, &[u8])] = &[\n");
    for (folder, endings) in FOLDERS {
        println!("cargo:rerun-if-changed={folder}");
        let mut names = Vec::new();
        list(&root.join(folder), endings, &mut names)?;
        names.sort();
        for path in names {
            let name = path.strip_prefix(&root).map_err(io::Error::other)?.to_string_lossy();
            writeln!(code, "    ({name:?}, include_bytes!({:?})),", path.to_string_lossy())
                .map_err(io::Error::other)?;
        }
    }
    code.push_str("];\n");
    fs::write(out.join("files.rs"), code)
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
