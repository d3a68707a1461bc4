//! Loads machine code from the cache, when it can be trusted and is what was written.
//!
//! Who can have written it is [`trust`]'s to say. That it is what was written, its hash says: it is compared when
//! the file is seen for the first time, and whenever its size, inode, modification or change time differ from those
//! noted then. So a copied cache is read once more; where the new note cannot be written, as in a cache that is
//! read-only, it is read at every start, which takes some 50 ms.
#![expect(unsafe_code, reason = "loading compiled code is wasmtime's one unsafe entry point")]

use super::cache::{Stamp, hex, stamp_path, write_whole};
use super::trust;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use wasmtime::{Engine, Module};

/// Why an image of the cache is not loaded.
pub(super) enum Unusable {
    /// The place: one that is made there anew would be no better.
    Place(String),
    /// The file.
    File(String),
}

/// Loads a cached image. `Ok(None)`: there is none.
pub(super) fn load(engine: &Engine, path: &Path) -> Result<Option<Module>, Unusable> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(None) };
    if !folder.exists() {
        return Ok(None);
    }
    let folder = trust::folder(folder).map_err(Unusable::Place)?;
    load_from(engine, &folder.join(name)).map_err(Unusable::File)
}

/// The same from a trusted folder.
fn load_from(engine: &Engine, path: &Path) -> Result<Option<Module>, String> {
    let Some(mut file) = trust::open(path)? else { return Ok(None) };
    let Some(mut noted_file) = trust::open(&stamp_path(path))? else {
        return Err(format!("{} has no note of its hash beside it", path.display()));
    };
    let mut noted = String::new();
    let said = |error: io::Error| format!("{}: {error}", path.display());
    noted_file.read_to_string(&mut noted).map_err(said)?;
    let stamp = Stamp::of(&file).map_err(said)?;
    let hash = noted.split(' ').next().unwrap_or_default().to_owned();
    if noted != stamp.noted(&hash) {
        if hash_of(&mut file).map_err(said)? != hash {
            return Err(format!("{} is not what was written there", path.display()));
        }
        // Without the note the next start compares again.
        let _ = write_whole(&stamp_path(path), stamp.noted(&hash).as_bytes());
    }
    // SAFETY: the bytes are what `precompile_module` of this program gave (same hash as noted when
    // they were written, in a folder and file that only this user and root can change), for an engine with
    // the same compatibility hash, which is part of the name; wasmtime checks that once more.
    unsafe { Module::deserialize_open_file(engine, file) }
        .map(Some)
        .map_err(|error| format!("{}: {error:#}", path.display()))
}

fn hash_of(file: &mut File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        let len = file.read(&mut chunk)?;
        match chunk.get(..len) {
            Some(read) if !read.is_empty() => hasher.update(read),
            _ => return Ok(hex(&hasher.finalize())),
        }
    }
}
