//! `Runtime`: one per process; engine, image, pool of interpreter slots.

use crate::error::{Error, Result};
use crate::image::engine;
use crate::image::snapshot::Preload;
use crate::image::{self, Image, ImageStage, Source};
use crate::python::state::State;
use crate::python::{InterpreterBuilder, first_start};
use crate::sandbox::exports::Exports;
use crate::sandbox::memories::{Beginning, Memories, Pages};
use crate::sandbox::reactor::Reactor;
use crate::sandbox::wasi::Stdlib;
use ophidia_guest::{Flavour, Guest};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wasmtime::{Engine, InstancePre, Linker};

/// What all interpreters of a process share. Cloning is cheap and gives the same runtime.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) shared: Arc<Loaded>,
}

pub(crate) struct Loaded {
    pub(crate) engine: Engine,
    pub(crate) pre: InstancePre<State>,
    pub(crate) exports: Exports,
    pub(crate) stdlib: Stdlib,
    pub(crate) memories: Memories,
    /// What the memory of a new interpreter begins with.
    pub(crate) image: Arc<Beginning>,
    pub(crate) reactor: Arc<Reactor>,
    /// Native stack a guest may use, in bytes.
    pub(crate) stack: usize,
}

impl Runtime {
    /// A runtime with every default, its cache folder named by the process' environment
    /// (`$OPHIDIA_CACHE`, else `ophidia` in the user's cache folder).
    ///
    /// # Errors
    ///
    /// When the environment names no cache folder.
    pub fn ambient() -> Result<Self> {
        let cache = ophidia_guest::ambient_cache_dir()
            .ok_or_else(|| Error::host("no cache folder: set OPHIDIA_CACHE, or HOME"))?;
        Self::builder(cache).build()
    }

    /// Starts to configure a runtime that keeps its guest and image in a folder.
    pub fn builder(cache_dir: impl Into<PathBuf>) -> RuntimeBuilder {
        RuntimeBuilder {
            cache_dir: cache_dir.into(),
            slots: Slots {
                max_interpreters: 1_000,
                idle_memory: 64 << 20,
                stack: engine::STACK,
                scanned: true,
            },
            cached: true,
            flavour: Flavour::default(),
            preload: Preload { packages: true },
            image: None,
            progress: Box::new(|_| {}),
        }
    }

    /// Starts to configure an interpreter, with no grants and default limits.
    #[must_use]
    pub fn interpreter(&self) -> InterpreterBuilder {
        InterpreterBuilder::new(self.clone())
    }

    fn of(
        (engine, memories): (Engine, Memories),
        image: Image,
        stdlib: PathBuf,
        stack: usize,
    ) -> Result<Self> {
        let Image { module, memory } = image;
        let mut linker = Linker::new(&engine);
        let failed = |error: wasmtime::Error| Error::image(format!("{error:#}")).because(error);
        first_start::link(&mut linker).map_err(failed)?;
        let shared = Loaded {
            pre: linker.instantiate_pre(&module).map_err(failed)?,
            exports: Exports::of(&module)?,
            image: memories.beginning(memory)?,
            memories,
            reactor: Arc::default(),
            engine,
            stdlib: Stdlib::open(&stdlib)?,
            stack,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Gives the memory of idle slots back to the system; gives how many bytes that were. Interpreters that live
    /// keep theirs. A slot that is used again starts as if it were new, which takes a little longer.
    ///
    /// It takes some 20 µs for each slot that was in use before, and interpreters that are started meanwhile wait.
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn trim(&self) -> Result<usize> {
        Ok(self.shared.memories.trim())
    }

    /// How many interpreters can be alive at once.
    #[must_use]
    pub fn max_interpreters(&self) -> u32 {
        self.shared.memories.most()
    }

    /// What the memories of new interpreters begin with.
    pub(crate) fn image(&self) -> &Arc<Beginning> {
        &self.shared.image
    }

    /// Where memories come from.
    pub(crate) fn memories(&self) -> &Memories {
        &self.shared.memories
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("max_interpreters", &self.max_interpreters()).finish()
    }
}

/// Where interpreters live.
#[derive(Clone, Copy)]
struct Slots {
    max_interpreters: u32,
    idle_memory: usize,
    stack: usize,
    /// Whether the system is asked which pages were written to.
    scanned: bool,
}

impl Slots {
    /// The memories of these slots, and the engine that has them.
    fn engine(&self) -> Result<(Engine, Memories)> {
        let pages = if self.scanned { Pages::of_system() } else { Pages::without_scan() };
        let memories = Memories::new(self.max_interpreters, self.idle_memory, pages)?;
        Ok((engine::run(self.stack, memories.creator())?, memories))
    }
}

/// An image that was made elsewhere, and the standard library that belongs to it.
struct PortableImage {
    bytes: Origin,
    stdlib: PathBuf,
}

enum Origin {
    File(PathBuf),
    Bytes(Vec<u8>),
}

/// Configures a [`Runtime`].
pub struct RuntimeBuilder {
    cache_dir: PathBuf,
    cached: bool,
    slots: Slots,
    flavour: Flavour,
    preload: Preload,
    image: Option<PortableImage>,
    progress: Box<dyn FnMut(ImageStage)>,
}

impl RuntimeBuilder {
    /// How many interpreters can be alive at once. Default: 1,000; 16,000 at most. Each reserves 4 GiB of address
    /// space, which costs nothing, and takes two to four of the 65,530 mappings that Linux lets a process have
    /// (`vm.max_map_count`): where these are used up, starting one more is [`Error::Host`]. The standard library is
    /// open once for all, a granted folder once for all interpreters of a [`Sandbox`](crate::Sandbox).
    #[must_use]
    pub fn max_interpreters(mut self, count: u32) -> Self {
        self.slots.max_interpreters = count;
        self
    }

    /// Bytes of memory that all slots together keep of interpreters that have ended, so that the next ones start
    /// sooner. Default: 64 MiB, which is enough for 250 that ran a short program; a slot keeps 1 MiB at most. What
    /// is over goes back to the system when the interpreter ends; [`Runtime::trim`] gives back the rest. Where the system
    /// does not tell which pages were written to (Linux before 6.7, other systems) nothing is kept.
    #[must_use]
    pub fn idle_memory(mut self, bytes: usize) -> Self {
        self.slots.idle_memory = bytes;
        self
    }

    /// Native stack that the guest may use, in bytes, and with it how deep C code may recurse: each 2.6 KB are one of
    /// CPython's levels, of which a call from C takes three. Default: 1.5 MiB, 600 levels, which the 2 MiB of Rust's threads have
    /// room for: the functions that Python code calls by way of C (a decorated one, a key of a sort, `__add__`) may
    /// then call one another 200 deep. With 25 MiB, the most that is of use, there are the 10,000 of a native
    /// CPython, and nested expressions are as deep too.
    ///
    /// Each thread that calls an interpreter needs this much and 256 KiB more; one that has less is refused.
    /// [`std::thread::Builder::stack_size`] sets what a thread has, which costs only what of it is used.
    ///
    /// ```
    /// # fn main() -> ophidia::Result<()> {
    /// # let cache = ophidia_guest::ambient_cache_dir().expect("a cache folder");
    /// let runtime = ophidia::Runtime::builder(cache).max_interpreters(1).stack(25 << 20).build()?;
    /// let deep = std::thread::Builder::new().stack_size(27 << 20).spawn(move || -> ophidia::Result<()> {
    ///     let mut py = runtime.interpreter().build()?;
    ///     py.run("import functools\n@functools.cache\ndef fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)")?;
    ///     py.run("assert fib(400) % 10 == 5")
    /// });
    /// deep.expect("a thread").join().expect("no panic")
    /// # }
    /// ```
    #[must_use]
    pub fn stack(mut self, bytes: usize) -> Self {
        self.slots.stack = bytes;
        self
    }

    /// Which packages with C code are in the guest. Default: numpy. The cache must have a guest of this flavour:
    /// `ophidia guest build --with NAME` builds it.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let flavour = ophidia::guest::Flavour::default().with(&["regex", "pyyaml"])?;
    /// let cache = ophidia::guest::ambient_cache_dir().ok_or("no cache folder")?;
    /// let runtime = ophidia::Runtime::builder(cache).flavour(flavour).build()?;
    /// let mut py = runtime.interpreter().build()?;
    /// py.run("import regex, yaml")?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn flavour(mut self, flavour: Flavour) -> Self {
        self.flavour = flavour;
        self
    }

    /// Whether the packages of the guest, such as numpy, are imported before the snapshot that all interpreters begin
    /// from. Default: yes; an interpreter that does not use them pays nothing for it. Without, the image is smaller
    /// and made sooner, and the first `import` in each interpreter takes its time.
    #[must_use]
    pub fn preload_packages(mut self, preload: bool) -> Self {
        self.preload.packages = preload;
        self
    }

    /// The same by its former name, from when numpy was the only one.
    #[must_use]
    #[doc(hidden)]
    pub fn preload_numpy(self, preload: bool) -> Self {
        self.preload_packages(preload)
    }

    /// Called at each stage of making an image, which takes about ten seconds, once per machine.
    #[must_use]
    pub fn progress(mut self, progress: Box<dyn FnMut(ImageStage)>) -> Self {
        self.progress = progress;
        self
    }

    /// Takes the image from a file in its [portable form](Self::portable_image) instead of making it from a guest in
    /// the cache. The standard library is the folder `lib` of the guest that the image was made from. Compiling the
    /// image takes some ten seconds; the result is kept in the cache, under the hash of the file.
    ///
    /// The file is WebAssembly: whoever made it cannot reach the host's memory, nor anything that was not
    /// granted. But its makers are trusted with the limits: what it says of its evaluation loop is believed, so a
    /// forged one could outlast a deadline.
    #[must_use]
    pub fn image_file(mut self, image: impl Into<PathBuf>, stdlib: impl Into<PathBuf>) -> Self {
        self.image =
            Some(PortableImage { bytes: Origin::File(image.into()), stdlib: stdlib.into() });
        self
    }

    /// Takes the image from memory, as [`image_file`](Self::image_file) does from a file: one that was linked in with
    /// `include_bytes!`, say.
    #[must_use]
    pub fn image_bytes(mut self, image: impl Into<Vec<u8>>, stdlib: impl Into<PathBuf>) -> Self {
        self.image =
            Some(PortableImage { bytes: Origin::Bytes(image.into()), stdlib: stdlib.into() });
        self
    }

    /// Writes nothing: the image is compiled anew by each [`build`](Self::build), which takes some ten seconds.
    #[must_use]
    pub fn without_cache(mut self) -> Self {
        self.cached = false;
        self
    }

    /// Loads the image, making it first when the cache has none.
    ///
    /// # Errors
    ///
    /// [`Error::GuestMissing`] when the cache holds no guest; [`Error::Image`] when the image
    /// cannot be made, stored or read, or others can write where it lies; [`Error::Host`] when the address space or a
    /// thread is refused.
    pub fn build(mut self) -> Result<Runtime> {
        if !(engine::STACK..=engine::MOST_STACK).contains(&self.slots.stack) {
            return Err(Error::host(format!(
                "stack: {} bytes asked, {} to {} possible",
                self.slots.stack,
                engine::STACK,
                engine::MOST_STACK
            )));
        }
        let slots = self.slots;
        let cache = self.cached.then(|| self.cache_dir.clone());
        let ((engine, image), stdlib) = self.with_source(|source, progress| {
            let engine = slots.engine()?;
            let image = match &cache {
                Some(cache) => image::load_or_make(cache, source, &engine.0, progress)?,
                None => image::make(source, &engine.0, progress)?,
            };
            Ok((engine, image))
        })?;
        Runtime::of(engine, image, stdlib, slots.stack)
    }

    /// The image in its portable form: a WebAssembly module of some 40 MB, the same for all processors, from
    /// which [`image_file`](Self::image_file) and [`image_bytes`](Self::image_bytes) make a runtime where no guest
    /// was built. It starts CPython once, which takes some seconds, and compiles nothing.
    ///
    /// To ship machine code instead, copy the cache folder: it is used as it is where nobody else can write it, even
    /// if it is read-only.
    pub fn portable_image(mut self) -> Result<Vec<u8>> {
        Ok(self.with_source(image::portable)?.0)
    }

    /// Hands on what the image is made from; gives the standard library beside the result.
    fn with_source<T>(
        &mut self,
        make: impl FnOnce(Source<'_>, &mut dyn FnMut(ImageStage)) -> Result<T>,
    ) -> Result<(T, PathBuf)> {
        let Some(image) = self.image.take() else {
            let (guest, preload) = (self.guest()?, self.preload);
            let source = Source::Guest { guest: &guest, preload, start: first_start::snapshot };
            return Ok((make(source, &mut self.progress)?, guest.stdlib()));
        };
        let bytes = match image.bytes {
            Origin::Bytes(bytes) => bytes,
            Origin::File(path) => fs::read(&path).map_err(|error| {
                Error::image(format!("{}: {error}", path.display())).because(error)
            })?,
        };
        image::check_portable(&bytes)?;
        if !image.stdlib.join("os.py").is_file() {
            return Err(Error::image(format!(
                "{} is not the standard library of the image: it has no os.py",
                image.stdlib.display()
            )));
        }
        Ok((make(Source::Portable(&bytes), &mut self.progress)?, image.stdlib))
    }

    fn guest(&self) -> Result<Guest> {
        ophidia_guest::locate_flavour(&self.cache_dir, &self.flavour).ok_or_else(|| {
            Error::GuestMissing { cache: self.cache_dir.clone(), command: self.flavour.command() }
        })
    }

    /// A runtime of any guest at all, made without the cache; for tests in which it is a hostile one.
    #[cfg(feature = "any-guest")]
    #[doc(hidden)]
    pub fn build_of(self, wasm: &[u8], stdlib: &Path) -> Result<Runtime> {
        let engine = self.slots.engine()?;
        let snapshot = first_start::snapshot(wasm, stdlib, self.preload)?;
        let image = image::compile(&snapshot, &engine.0)?;
        Runtime::of(engine, image, stdlib.to_owned(), self.slots.stack)
    }

    /// A runtime whose guests nothing stops, made without the cache: what metering costs is measured against it.
    #[cfg(feature = "any-guest")]
    #[doc(hidden)]
    pub fn build_unmetered(mut self) -> Result<Runtime> {
        let (snapshot, stdlib) = self.with_source(image::snapshot)?;
        let engine = self.slots.engine()?;
        let image = image::compile_unmetered(&snapshot, &engine.0)?;
        Runtime::of(engine, image, stdlib, self.slots.stack)
    }

    /// As on a system that does not tell which pages were written to; for tests.
    #[cfg(feature = "any-guest")]
    #[doc(hidden)]
    #[must_use]
    pub fn without_page_scan(mut self) -> Self {
        self.slots.scanned = false;
        self
    }

    /// Where the image lies, or would lie, for `doctor` and `guest info`.
    ///
    /// # Errors
    ///
    /// [`Error::GuestMissing`] when the cache holds no guest.
    pub fn image_path(&self) -> Result<PathBuf> {
        let (guest, preload) = (self.guest()?, self.preload);
        let source = Source::Guest { guest: &guest, preload, start: first_start::snapshot };
        let (engine, _) = self.slots.engine()?;
        Ok(image::path(&self.cache_dir, source, &engine))
    }

    /// The files of the image: its machine code, which is [`image_path`](Self::image_path), what memories begin with,
    /// and a note of the hashes of both. Whoever copies an image copies all three.
    ///
    /// # Errors
    ///
    /// [`Error::GuestMissing`] when the cache holds no guest.
    pub fn image_files(&self) -> Result<[PathBuf; 3]> {
        Ok(image::files(&self.image_path()?))
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
            .field("max_interpreters", &self.slots.max_interpreters)
            .field("idle_memory", &self.slots.idle_memory)
            .finish_non_exhaustive()
    }
}
