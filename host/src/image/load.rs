//! Loads machine code from the cache, and what memories begin with, when both can be trusted and are what was written.
//!
//! Who can have written them is [`trust`]'s to say. That they are what was written, their hashes say: these are
//! compared when a file is seen for the first time, and whenever its size, inode, modification or change time differ
//! from those noted then. So a copied cache is read once more; where the new note cannot be written, as in a cache that
//! is read-only, it is read at every start, which takes some 70 ms.
//!
//! Both files are mapped, not copied. Whoever could change or cut them while they are in use could as well put machine
//! code of their own there: it is the same trust.
#![expect(unsafe_code, reason = "loading compiled code is wasmtime's one unsafe entry point")]

use super::Image;
use super::cache::{Stamp, hash_of, memory_path, stamp_path, write_whole};
use super::contents::Contents;
use super::trust;
use ophidia_abi::MEMORY;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use wasmtime::{Engine, ExternType, Module};

/// Why an image of the cache is not loaded.
pub(super) enum Unusable {
    /// The place: one that is made there anew would be no better.
    Place(String),
    /// The file.
    File(String),
}

/// Loads a cached image. `Ok(None)`: there is none.
pub(super) fn load(engine: &Engine, path: &Path) -> Result<Option<Image>, Unusable> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(None) };
    if !folder.exists() {
        return Ok(None);
    }
    let folder = trust::folder(folder).map_err(Unusable::Place)?;
    load_from(engine, &folder.join(name)).map_err(Unusable::File)
}

/// The same from a trusted folder.
fn load_from(engine: &Engine, path: &Path) -> Result<Option<Image>, String> {
    let Some(mut compiled) = trust::open(path)? else { return Ok(None) };
    let memory_path = memory_path(path);
    let Some(mut memory) = trust::open(&memory_path)? else {
        return Err(format!("{} has no memory beside it", path.display()));
    };
    let Some(mut noted_file) = trust::open(&stamp_path(path))? else {
        return Err(format!("{} has no note of its hash beside it", path.display()));
    };
    let mut noted = String::new();
    noted_file
        .read_to_string(&mut noted)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let mut lines = noted.lines();
    let mut note = String::new();
    for (file, path) in [(&mut compiled, path), (&mut memory, &*memory_path)] {
        note += &compared(file, path, lines.next().unwrap_or_default())?;
    }
    if note != noted {
        // Without the note the next start compares again.
        let _ = write_whole(&stamp_path(path), |file| (&*file).write_all(note.as_bytes()));
    }
    // SAFETY: the bytes are what `precompile_module` of this program gave (same hash as noted when
    // they were written, in a folder and file that only this user and root can change), for an engine with
    // the same compatibility hash, which is part of the name; wasmtime checks that once more.
    let module = unsafe { Module::deserialize_open_file(engine, compiled) }
        .map_err(|error| format!("{}: {error:#}", path.display()))?;
    let memory = Contents::of(memory, size_of_memory(&module)?)
        .map_err(|error| format!("{}: {error}", memory_path.display()))?;
    Ok(Some(Image { module, memory }))
}

/// Compares a file with what was noted of it; gives what to note of it now.
fn compared(file: &mut File, path: &Path, noted: &str) -> Result<String, String> {
    let said = |error: io::Error| format!("{}: {error}", path.display());
    let hash = noted.split(' ').next().unwrap_or_default();
    let note = Stamp::of(file).map_err(said)?.noted(hash);
    if note.trim_end() != noted && hash_of(file).map_err(said)? != hash {
        return Err(format!("{} is not what was written there", path.display()));
    }
    Ok(note)
}

/// What a memory of this module has at its start, in bytes.
fn size_of_memory(module: &Module) -> Result<u64, String> {
    match module.get_export(MEMORY) {
        Some(ExternType::Memory(memory)) => Ok(memory.minimum().saturating_mul(memory.page_size())),
        _ => Err(format!("the image lacks the export {MEMORY}")),
    }
}
