//! The image: the guest is started once, metered, compiled, kept in the cache, and loaded from there.
//!
//! It is compiled without its data: what memories begin with is a second file ([`contents`]), which they map.
//!
//! An image is named by the hash of everything it is made of ([`cache`]). It lies in a folder of mode 0700 as two
//! files of mode 0600, is made under a file lock and moved into place whole. Machine code is trusted when it is
//! loaded ([`load`]), so a file that others can have written ([`trust`]) or that is not what was written is refused
//! and made again. To load an image nothing has to be written: a cache may be read-only, or root's.

mod cache;
pub(crate) mod contents;
pub(crate) mod engine;
mod exceptions;
pub(crate) mod extent;
mod load;
pub(crate) mod metering;
mod portable;
pub(crate) mod snapshot;
mod trust;

pub(crate) use cache::{files, hex, path, remove_leftovers, write_whole};
pub(crate) use metering::{BUDGET, LEFT};
pub(crate) use portable::check as check_portable;

use crate::error::{Error, Result};
use cache::Lock;
use contents::Contents;
use load::{Unusable, load};
use ophidia_guest::Guest;
use snapshot::Preload;
use std::fs;
use std::path::Path;
use wasmtime::{Engine, Module};

/// A stage in making an image.
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

/// What an image is made from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// A guest of the cache, started by this function, which gives the snapshot.
    Guest { guest: &'a Guest, preload: Preload, start: Start },
    /// A snapshot that was taken elsewhere, in its portable form.
    Portable(&'a [u8]),
}

/// Starts a guest, given its module and its standard library, and takes the snapshot.
pub(crate) type Start = fn(&[u8], &Path, Preload) -> Result<Vec<u8>>;

/// What interpreters are instances of, and what their memories begin with.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) module: Module,
    pub(crate) memory: Contents,
}

/// Loads the image, making it first when the cache has none that can be used.
pub(crate) fn load_or_make(
    cache: &Path,
    source: Source<'_>,
    engine: &Engine,
    progress: &mut dyn FnMut(ImageStage),
) -> Result<Image> {
    let path = path(cache, source, engine);
    match load(engine, &path) {
        Ok(Some(image)) => return Ok(image),
        Ok(None) => {}
        Err(Unusable::Place(reason)) => return Err(Error::image(reason)),
        Err(Unusable::File(reason)) => progress(ImageStage::Discarded { reason }),
    }
    let _lock = Lock::take(&path, || progress(ImageStage::Waiting))?;
    // Another process may have made it while this one waited.
    match load(engine, &path) {
        Ok(Some(image)) => return Ok(image),
        Err(Unusable::Place(reason)) => return Err(Error::image(reason)),
        Ok(None) | Err(Unusable::File(_)) => {}
    }
    let snapshot = snapshot(source, progress)?;
    progress(ImageStage::Compile);
    let metered = metered(&snapshot)?;
    let (module, segments) = contents::take(&metered)?;
    let compiled = engine.precompile_module(&module).map_err(does_not_compile)?;
    cache::store(&path, &compiled, &segments)?;
    progress(ImageStage::Done);
    match load(engine, &path) {
        Ok(Some(image)) => Ok(image),
        Ok(None) => Err(Error::image(format!("{} vanished once written", path.display()))),
        Err(Unusable::Place(reason) | Unusable::File(reason)) => Err(Error::image(reason)),
    }
}

/// The image without a cache: compiled, and nothing written.
pub(crate) fn make(
    source: Source<'_>,
    engine: &Engine,
    progress: &mut dyn FnMut(ImageStage),
) -> Result<Image> {
    let snapshot = snapshot(source, progress)?;
    progress(ImageStage::Compile);
    compile(&snapshot, engine)
}

/// Puts the checks into a snapshot, and compiles it.
pub(crate) fn compile(snapshot: &[u8], engine: &Engine) -> Result<Image> {
    compile_as(&metered(snapshot)?, engine)
}

/// The same without the checks: nothing stops its guests.
#[cfg(feature = "any-guest")]
pub(crate) fn compile_unmetered(snapshot: &[u8], engine: &Engine) -> Result<Image> {
    compile_as(&metering::instrument_as(snapshot, false)?, engine)
}

fn compile_as(module: &[u8], engine: &Engine) -> Result<Image> {
    let (module, segments) = contents::take(module)?;
    let memory = segments.sealed();
    let memory =
        memory.map_err(|error| Error::image(format!("its memory: {error}")).because(error))?;
    Ok(Image { module: Module::new(engine, module).map_err(does_not_compile)?, memory })
}

/// A snapshot with the checks in it.
fn metered(snapshot: &[u8]) -> Result<Vec<u8>> {
    let metered = metering::instrument(snapshot)?;
    extent::check(&metered)?;
    Ok(metered)
}

fn does_not_compile(error: wasmtime::Error) -> Error {
    Error::image(format!("the snapshot does not compile: {error:#}")).because(error)
}

/// The snapshot in its portable form.
pub(crate) fn portable(
    source: Source<'_>,
    progress: &mut dyn FnMut(ImageStage),
) -> Result<Vec<u8>> {
    match source {
        Source::Portable(image) => Ok(image.to_vec()),
        Source::Guest { .. } => Ok(portable::write(snapshot(source, progress)?)),
    }
}

/// The snapshot, taken now if it is of a guest.
pub(crate) fn snapshot(
    source: Source<'_>,
    progress: &mut dyn FnMut(ImageStage),
) -> Result<Vec<u8>> {
    match source {
        Source::Portable(image) => Ok(image.to_vec()),
        Source::Guest { guest, preload, start } => {
            // The metering takes the module at its word, so it is trusted as much as machine code is.
            trust::folder(&guest.dir).map_err(Error::image)?;
            guest.check()?;
            progress(ImageStage::Snapshot);
            let wasm = guest.wasm();
            let wasm = fs::read(&wasm).map_err(|error| {
                Error::image(format!("{}: {error}", wasm.display())).because(error)
            })?;
            start(&wasm, &guest.stdlib(), preload)
        }
    }
}
