//! The cache of images: their names, the lock of whoever makes one, files that are whole or not there.

use super::contents::{self, Segments};
use super::snapshot::{self, Preload};
use super::{Source, metering};
use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use wasmtime::Engine;

/// Where the image that is made from something for an engine lies in the cache.
pub(crate) fn path(cache: &Path, source: Source<'_>, engine: &Engine) -> PathBuf {
    let origin = match source {
        Source::Guest { guest, preload, .. } => {
            Origin::Guest { key: guest.key(), preload, snapshot: snapshot::VERSION }
        }
        Source::Portable(image) => Origin::Portable(Sha256::digest(image).into()),
    };
    cache.join("image").join(Inputs::of(origin, engine.precompile_compatibility_hash()).name())
}

/// The files of an image: its machine code, what memories begin with, and the note of both hashes.
pub(crate) fn files(path: &Path) -> [PathBuf; 3] {
    [path.to_owned(), memory_path(path), stamp_path(path)]
}

/// What an image begins from, by what names it.
#[derive(Clone, Copy, Hash)]
enum Origin<'a> {
    /// A guest of the cache.
    Guest {
        /// It names all that the guest was made from: CPython, numpy, their patches, the bridge, the in-guest
        /// package with its preload list, the standard library, and the tools.
        key: &'a str,
        /// What is imported beside the preload list.
        preload: Preload,
        /// Our own code that takes the snapshot: options, limits, what the host answers meanwhile.
        snapshot: u32,
    },
    /// A portable image by its hash: nobody started it here.
    Portable([u8; 32]),
}

/// Everything that makes an image what it is, and so its name.
#[derive(Clone, Copy, Hash)]
struct Inputs<'a, E> {
    origin: Origin<'a>,
    /// The agreement of host and guest.
    abi: u32,
    /// Our own code that puts the checks in.
    metering: u32,
    /// Our own code that takes the data out.
    contents: u32,
    /// This library.
    library: &'a str,
    /// Wasmtime's version, which is also wizer's (it asks for exactly the same), the processor's features, and
    /// every setting that machine code depends on.
    engine: E,
}

impl<'a, E: Hash> Inputs<'a, E> {
    fn of(origin: Origin<'a>, engine: E) -> Self {
        Self {
            origin,
            abi: ophidia_abi::VERSION,
            metering: metering::VERSION,
            contents: contents::VERSION,
            library: env!("CARGO_PKG_VERSION"),
            engine,
        }
    }

    fn name(&self) -> String {
        let mut hasher = Sha256Hasher(Sha256::new());
        self.hash(&mut hasher);
        let mut name = hex(&hasher.0.finalize());
        name.truncate(16);
        name + ".cwasm"
    }
}

/// Feeds `Hash` implementations into SHA-256, so that names are the same in every process.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The right to make one image, held by one process at a time and let go when dropped.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Makes the folder of an image, for its owner alone, and waits for the right to make the image.
    pub(super) fn take(path: &Path, waiting: impl FnOnce()) -> Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(folder);
        made.map_err(|error| unwritable(folder, error))?;
        let lock = path.with_extension("lock");
        let file = File::create(&lock).map_err(|error| unwritable(&lock, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(|error| unwritable(&lock, error))?;
            }
            Err(fs::TryLockError::Error(error)) => return Err(unwritable(&lock, error)),
        }
        files(path).iter().for_each(|file| remove_leftovers(file));
        Ok(Self { _file: file })
    }
}

/// Stores an image, its machine code and what its memories begin with, and notes the hashes of both.
///
/// The note comes last, and is one for both: whoever comes across files of two images finds hashes that are not theirs.
pub(super) fn store(path: &Path, compiled: &[u8], memory: &Segments<'_>) -> Result<()> {
    let stored = || -> io::Result<()> {
        write_whole(path, |file| (&*file).write_all(compiled))?;
        write_whole(&memory_path(path), |file| memory.write_to(file))?;
        let mut note = String::new();
        for path in [path, &memory_path(path)] {
            let mut file = File::open(path)?;
            let hash = hash_of(&mut file)?;
            note += &Stamp::of(&file)?.noted(&hash);
        }
        write_whole(&stamp_path(path), |file| (&*file).write_all(note.as_bytes()))
    };
    stored().map_err(|error| unwritable(path, error))
}

/// The SHA-256 of what is left to read of a file.
pub(super) fn hash_of(file: &mut File) -> io::Result<String> {
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

fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::image(format!(
        "{}: {error} (the cache holds no image that can be used, so it must be writable, with some 150 MB free)",
        path.display()
    ))
    .because(error)
}

/// Writes a file that is whole from the moment it is there, with mode 0600; and that is there from now on, even if the
/// machine stops.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let (folder, prefix) = unfinished(path);
    let file = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder)?;
    write(file.as_file())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// Where a file of the cache lies before it is whole: its folder, and what its name begins with there.
fn unfinished(path: &Path) -> (&Path, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    (folder.unwrap_or(Path::new(".")), format!(".{name}-"))
}

/// Removes what killed processes left of this file before it was whole. They held the lock that this one holds now.
pub(crate) fn remove_leftovers(path: &Path) {
    let (folder, prefix) = unfinished(path);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Where what memories of an image begin with lies.
pub(super) fn memory_path(path: &Path) -> PathBuf {
    path.with_extension("memory")
}

/// Where the hashes of an image are noted: a line for its machine code, and one for its memory.
pub(super) fn stamp_path(path: &Path) -> PathBuf {
    path.with_extension("sha256")
}

/// What tells that a file has not been touched since its content was last compared.
#[derive(PartialEq, Eq)]
pub(super) struct Stamp(String);

impl Stamp {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let data = file.metadata()?;
        Ok(Self(format!(
            "{} {} {} {}.{} {}.{}",
            data.dev(),
            data.ino(),
            data.size(),
            data.mtime(),
            data.mtime_nsec(),
            data.ctime(),
            data.ctime_nsec()
        )))
    }

    pub(super) fn noted(&self, hash: &str) -> String {
        format!("{hash} {}\n", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn whatever_makes_an_image_gives_it_another_name() {
        let with = Preload { packages: true };
        let origin = Origin::Guest { key: "0123", preload: with, snapshot: 1 };
        let inputs =
            Inputs { origin, abi: 1, metering: 1, contents: 1, library: "1", engine: "48.0.8" };
        let of = |key, packages, snapshot| Origin::Guest {
            key,
            preload: Preload { packages },
            snapshot,
        };
        let all = [
            inputs,
            Inputs { origin: of("0124", true, 1), ..inputs },
            Inputs { origin: of("0123", false, 1), ..inputs },
            Inputs { origin: of("0123", true, 2), ..inputs },
            Inputs { origin: Origin::Portable([0; 32]), ..inputs },
            Inputs { origin: Origin::Portable([1; 32]), ..inputs },
            Inputs { abi: 2, ..inputs },
            Inputs { metering: 2, ..inputs },
            Inputs { contents: 2, ..inputs },
            Inputs { library: "2", ..inputs },
            Inputs { engine: "48.0.9", ..inputs },
        ];
        let names: BTreeSet<String> = all.iter().map(Inputs::name).collect();
        assert_eq!(names.len(), all.len(), "{names:?}");
        assert_eq!(inputs.name(), all[0].name());
    }
}
