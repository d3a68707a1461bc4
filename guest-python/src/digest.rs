//! SHA-256 of files and of folders.

use crate::Error;
use crate::error::At;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The SHA-256 of a file's content.
pub(crate) fn sha256_file(path: &Path) -> Result<String, Error> {
    let mut file = fs::File::open(path).at("open", path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer).at("read", path)?;
        match buffer.get(..count) {
            Some(part) if count > 0 => hash.update(part),
            _ => return Ok(hex(&hash.finalize())),
        }
    }
}

/// The SHA-256 over names and contents of a folder's files.
pub(crate) fn hash_tree(folder: &Path) -> Result<String, Error> {
    let mut hash = Sha256::new();
    for (name, path) in sorted_files(folder)? {
        let bytes = fs::read(&path).at("read", &path)?;
        for part in [name.as_bytes(), &bytes] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    Ok(hex(&hash.finalize()))
}

/// All files below a folder with their names from there, sorted by name.
pub(crate) fn sorted_files(folder: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let mut files = Vec::new();
    let mut open = vec![(String::new(), folder.to_owned())];
    while let Some((prefix, folder)) = open.pop() {
        for entry in fs::read_dir(&folder).at("read", &folder)? {
            let entry = entry.at("read", &folder)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                open.push((format!("{name}/"), entry.path()));
            } else {
                files.push((name, entry.path()));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_covers_names_and_contents() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            fs::write(path, text).expect("written");
            hash_tree(folder.path()).expect("readable")
        };
        let one = file("a/x.py", "1");
        let two = file("a/y.py", "1");
        assert_ne!(one, two);
        assert_ne!(two, file("a/y.py", "2"));
        assert_eq!(two, file("a/y.py", "1"));
    }
}
