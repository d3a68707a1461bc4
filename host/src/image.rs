//! The image: locate the guest, snapshot it, compile the snapshot, keep it in the cache, load it.
//!
//! An image is named by the hash of everything it is made of. It lies in a folder of mode 0700 as a
//! file of mode 0600, is made under a file lock and moved into place whole. Machine code is trusted
//! when it is loaded, so a file is refused, and made again, unless it belongs to this user, nobody
//! else can write it, and its content is what was written: the SHA-256 is compared when the file is
//! seen for the first time and whenever its size, inode, modification or change time differ from
//! those noted then.
#![expect(unsafe_code, reason = "loading compiled code is wasmtime's one unsafe entry point")]

pub(crate) mod engine;
pub(crate) mod metering;
pub(crate) mod snapshot;

use crate::error::{Error, Result};
use ophidia_guest::Guest;
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};
use snapshot::Preload;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use wasmtime::{Engine, Module};

/// What the making of an image has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageStage {
    /// Another process is making the same image; waiting for it.
    Waiting,
    /// The cached image cannot be used and is made again.
    Discarded {
        /// Why.
        reason: String,
    },
    /// Starting the guest once and taking its memory.
    Snapshot,
    /// Compiling the snapshot to machine code.
    Compile,
    /// The image is in the cache.
    Done,
}

/// Where the image of a guest and an engine lies in the cache.
pub(crate) fn path(cache: &Path, guest: &Guest, preload: Preload, engine: &Engine) -> PathBuf {
    let mut hasher = Key(Sha256::new());
    guest.key().hash(&mut hasher);
    preload.hash(&mut hasher);
    ophidia_abi::VERSION.hash(&mut hasher);
    metering::VERSION.hash(&mut hasher);
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let mut name = hex(&hasher.0.finalize());
    name.truncate(16);
    cache.join("image").join(name + ".cwasm")
}

/// Feeds `Hash` implementations into SHA-256, so that names are the same in every process.
struct Key(Sha256);

impl Hasher for Key {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Starts a guest, given its module and its standard library, and takes the snapshot.
pub(crate) type Start = fn(&[u8], &Path, Preload) -> Result<Vec<u8>>;

/// Loads the image, making it first when the cache has none that can be used.
pub(crate) fn load_or_make(
    cache: &Path,
    guest: &Guest,
    preload: Preload,
    engine: &Engine,
    start: Start,
    progress: &mut dyn FnMut(ImageStage),
) -> Result<Module> {
    let path = path(cache, guest, preload, engine);
    match load(engine, &path) {
        Ok(Some(module)) => return Ok(module),
        Ok(None) => {}
        Err(reason) => progress(ImageStage::Discarded { reason }),
    }
    let folder = path.parent().unwrap_or(cache);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| unwritable(folder, &error))?;
    let _lock = lock(&path.with_extension("lock"), progress)?;
    remove_leftovers(&path);
    // Another process may have made it while this one waited.
    if let Ok(Some(module)) = load(engine, &path) {
        return Ok(module);
    }
    make(guest, preload, engine, start, &path, progress)?;
    load(engine, &path).map_err(Error::Image)?.ok_or_else(|| {
        Error::Image(format!("{} vanished right after it was written", path.display()))
    })
}

fn lock(path: &Path, progress: &mut dyn FnMut(ImageStage)) -> Result<File> {
    let file = File::create(path).map_err(|error| unwritable(path, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            progress(ImageStage::Waiting);
            file.lock().map_err(|error| unwritable(path, &error))?;
        }
        Err(fs::TryLockError::Error(error)) => return Err(unwritable(path, &error)),
    }
    Ok(file)
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::Image(format!(
        "{}: {error} (the cache folder must be writable and have some 100 MB free)",
        path.display()
    ))
}

fn make(
    guest: &Guest,
    preload: Preload,
    engine: &Engine,
    start: Start,
    path: &Path,
    progress: &mut dyn FnMut(ImageStage),
) -> Result<()> {
    guest.check()?;
    progress(ImageStage::Snapshot);
    let wasm = guest.wasm();
    let wasm =
        fs::read(&wasm).map_err(|error| Error::Image(format!("{}: {error}", wasm.display())))?;
    let started = metering::instrument(&start(&wasm, &guest.stdlib(), preload)?)?;
    progress(ImageStage::Compile);
    let compiled = engine
        .precompile_module(&started)
        .map_err(|error| Error::Image(format!("the snapshot does not compile: {error:#}")))?;
    let failed = |error: io::Error| unwritable(path, &error);
    write_whole(path, &compiled).map_err(failed)?;
    let stamp = Stamp::of(&File::open(path).map_err(failed)?).map_err(failed)?;
    let noted = stamp.noted(&hex(&Sha256::digest(&compiled)));
    write_whole(&stamp_path(path), noted.as_bytes()).map_err(failed)?;
    progress(ImageStage::Done);
    Ok(())
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (folder, prefix) = unfinished(path);
    let mut file = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder)?; // mode 0600
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Where a file of the cache lies before it is whole: its folder, and what its name begins with there.
fn unfinished(path: &Path) -> (&Path, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    (path.parent().unwrap_or(Path::new(".")), format!(".{name}-"))
}

/// Removes what killed processes left of this image. They held the lock that this one holds now.
fn remove_leftovers(path: &Path) {
    let (folder, prefix) = unfinished(path);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn stamp_path(path: &Path) -> PathBuf {
    path.with_extension("sha256")
}

/// What tells that a file has not been touched since its content was last compared.
#[derive(PartialEq, Eq)]
struct Stamp(String);

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
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

    fn noted(&self, hash: &str) -> String {
        format!("{hash} {}\n", self.0)
    }
}

/// Loads a cached image. `Ok(None)`: there is none. `Err`: why it cannot be used.
fn load(engine: &Engine, path: &Path) -> Result<Option<Module>, String> {
    let Some(mut file) = open(path)? else { return Ok(None) };
    let Some(mut noted_file) = open(&stamp_path(path))? else {
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
        write_whole(&stamp_path(path), stamp.noted(&hash).as_bytes()).map_err(said)?;
    }
    // SAFETY: the bytes are what `precompile_module` of this program gave (same hash as noted when
    // they were written, in a folder and file that only this user can change), for an engine with
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

/// Opens a file of the cache when it is this user's alone. `Ok(None)`: there is none.
fn open(path: &Path) -> Result<Option<File>, String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    for (what, data) in [(path, file.metadata()), (folder, fs::metadata(folder))] {
        let data = data.map_err(|error| format!("{}: {error}", what.display()))?;
        if data.uid() != rustix::process::geteuid().as_raw() {
            return Err(format!("{} belongs to user {}", what.display(), data.uid()));
        }
        if data.mode() & 0o022 != 0 {
            return Err(format!(
                "{} can be written by others (mode {:o})",
                what.display(),
                data.mode() & 0o7777
            ));
        }
        if what == path && !data.is_file() {
            return Err(format!("{} is not a file", what.display()));
        }
    }
    Ok(Some(file))
}
