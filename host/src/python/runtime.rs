//! `Runtime`: one per process; engine, image, pool of interpreter slots.

use crate::error::{Error, Result};
use crate::image::engine;
#[cfg(feature = "any-guest")]
use crate::image::metering;
use crate::image::snapshot::Preload;
use crate::image::{self, ImageStage};
use crate::python::InterpreterBuilder;
use crate::python::first_start;
use crate::python::state::State;
use crate::sandbox::exports::Exports;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wasmtime::{Engine, InstancePre, Linker, Module};

/// What all interpreters of a process share. Cloning is cheap and gives the same runtime.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) pre: InstancePre<State>,
    pub(crate) exports: Exports,
    pub(crate) stdlib: PathBuf,
    max_interpreters: u32,
}

impl Runtime {
    /// A runtime with every default, its cache folder named by the process' environment
    /// (`$OPHIDIA_CACHE`, else `ophidia` in the user's cache folder).
    ///
    /// # Errors
    ///
    /// As [`RuntimeBuilder::build`], and when the environment names no cache folder.
    pub fn ambient() -> Result<Self> {
        let cache = ophidia_guest::ambient_cache_dir()
            .ok_or_else(|| Error::Host("no cache folder: set OPHIDIA_CACHE, or HOME".into()))?;
        Self::builder(cache).build()
    }

    /// Starts to configure a runtime that keeps its guest and image in a folder.
    pub fn builder(cache_dir: impl Into<PathBuf>) -> RuntimeBuilder {
        RuntimeBuilder {
            cache_dir: cache_dir.into(),
            max_interpreters: 1_000,
            preload: Preload { numpy: true },
            progress: Box::new(|_| {}),
        }
    }

    /// Starts to configure an interpreter, with no grants and default limits.
    #[must_use]
    pub fn interpreter(&self) -> InterpreterBuilder {
        InterpreterBuilder::new(self.clone())
    }

    fn of(engine: Engine, module: &Module, stdlib: PathBuf, max_interpreters: u32) -> Result<Self> {
        let mut linker = Linker::new(&engine);
        let failed = |error: wasmtime::Error| Error::Image(format!("{error:#}"));
        first_start::link(&mut linker).map_err(failed)?;
        let shared = Shared {
            pre: linker.instantiate_pre(module).map_err(failed)?,
            exports: Exports::of(module)?,
            engine,
            stdlib,
            max_interpreters,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// How many interpreters can be alive at once.
    #[must_use]
    pub fn max_interpreters(&self) -> u32 {
        self.shared.max_interpreters
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("max_interpreters", &self.max_interpreters()).finish()
    }
}

/// Configures a [`Runtime`].
pub struct RuntimeBuilder {
    cache_dir: PathBuf,
    max_interpreters: u32,
    preload: Preload,
    progress: Box<dyn FnMut(ImageStage)>,
}

impl RuntimeBuilder {
    /// How many interpreters can be alive at once. Default: 1,000. Each reserves 4 GiB of address
    /// space, which costs nothing; at most 16,000 fit. Each also holds a file open, and one more for each
    /// folder it was granted: thousands need the process' limit of open files (`ulimit -n`) raised.
    #[must_use]
    pub fn max_interpreters(mut self, count: u32) -> Self {
        self.max_interpreters = count;
        self
    }

    /// Whether numpy is imported before the snapshot that all interpreters begin from. Default: yes; an
    /// interpreter that does not use it pays nothing for it. Without, the image is smaller and made
    /// sooner, and the first `import numpy` of each interpreter takes its time.
    #[must_use]
    pub fn preload_numpy(mut self, preload: bool) -> Self {
        self.preload.numpy = preload;
        self
    }

    /// Is told what happens while an image is made, which takes some ten seconds once a machine.
    #[must_use]
    pub fn progress(mut self, progress: Box<dyn FnMut(ImageStage)>) -> Self {
        self.progress = progress;
        self
    }

    /// Loads the image, making it first when the cache has none.
    ///
    /// # Errors
    ///
    /// [`Error::GuestMissing`] when the cache holds no guest; [`Error::Image`] when the image
    /// cannot be made or stored; [`Error::Host`] when the address space or a thread is refused.
    pub fn build(mut self) -> Result<Runtime> {
        if !(1..=engine::MOST_INTERPRETERS).contains(&self.max_interpreters) {
            return Err(Error::Host(format!(
                "max_interpreters: {} asked, 1 to {} possible",
                self.max_interpreters,
                engine::MOST_INTERPRETERS
            )));
        }
        let guest = ophidia_guest::locate(&self.cache_dir)
            .ok_or_else(|| Error::GuestMissing { cache: self.cache_dir.clone() })?;
        let engine = engine::run(self.max_interpreters)?;
        let module = image::load_or_make(
            &self.cache_dir,
            &guest,
            self.preload,
            &engine,
            first_start::snapshot,
            &mut self.progress,
        )?;
        Runtime::of(engine, &module, guest.stdlib(), self.max_interpreters)
    }

    /// A runtime of any guest at all, made without the cache; for tests in which it is a hostile one.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    #[cfg(feature = "any-guest")]
    #[doc(hidden)]
    pub fn build_of(self, wasm: &[u8], stdlib: &Path) -> Result<Runtime> {
        let engine = engine::run(self.max_interpreters)?;
        let module = Module::new(
            &engine,
            metering::instrument(&first_start::snapshot(wasm, stdlib, self.preload)?)?,
        )
        .map_err(|error| Error::Image(format!("{error:#}")))?;
        Runtime::of(engine, &module, stdlib.to_owned(), self.max_interpreters)
    }

    /// Where the image lies, or would lie, for `doctor` and `guest info`.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build), without making anything.
    pub fn image_path(&self) -> Result<PathBuf> {
        let guest = ophidia_guest::locate(&self.cache_dir)
            .ok_or_else(|| Error::GuestMissing { cache: self.cache_dir.clone() })?;
        Ok(image::path(&self.cache_dir, &guest, self.preload, &engine::run(1)?))
    }

    /// The cache folder.
    #[must_use]
    pub fn cache_dir(&self) -> &Path {
        &self.cache_dir
    }
}

impl std::fmt::Debug for RuntimeBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuntimeBuilder")
            .field("cache_dir", &self.cache_dir)
            .field("max_interpreters", &self.max_interpreters)
            .finish_non_exhaustive()
    }
}
