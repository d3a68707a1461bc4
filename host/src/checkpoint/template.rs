//! Templates: set-up code runs once, and new interpreters begin where it has ended.

use super::dump::{self, Kind, Written};
use super::frozen::{From, Frozen};
use super::restore::{CheckpointOptions, RestoreOptions, load, store};
use crate::error::{CheckpointError, Error, Result};
use crate::image::hex;
use crate::python::{Interpreter, Runtime, Sandbox, Streams};
use crate::sandbox::pages::Pages;
use crate::sandbox::wasi::Branch;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where new interpreters begin that need something first: modules, data, whatever set-up code leaves behind. Cloning is cheap
/// and gives the same one.
///
/// ```
/// # fn main() -> ophidia::Result<()> {
/// use ophidia::{Runtime, Sandbox};
/// let runtime = Runtime::ambient()?;
/// let sandbox = Sandbox::builder().build()?;
/// let template = runtime.template(&sandbox, |py| {
///     py.run("import json, decimal\nprices = json.loads('{\"tea\": 2.5}')")
/// })?;
/// for _ in 0..3 {
///     let mut py = template.start()?; // as new each time
///     py.run("prices['tea'] += 1")?;
///     assert_eq!(py.eval("prices['tea']")?, 3.5.into());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Template {
    runtime: Runtime,
    /// What interpreters begin with.
    sandbox: Sandbox,
    /// Whether the set-up code ran in it, so that the guest has its settings already.
    is_of_set_up: bool,
    frozen: Arc<Frozen<'static>>,
}

impl Template {
    fn of(mut py: Interpreter) -> Result<Self> {
        // What exists by now is left alone by the collector, as what the image has.
        py.operation(|py| -> Result<()> {
            py.get("gc.collect")?.call(py, ())?;
            py.get("gc.freeze")?.call(py, ()).map(drop)
        })?;
        let (runtime, sandbox) = (py.runtime().clone(), py.sandbox().clone());
        let mut frozen =
            Frozen::of(&mut py, From::Image, Branch::Restore, true)?.mapped(&runtime)?;
        if frozen.carried.has_calls() {
            let said =
                "asynchronous functions of the host are under way: await them in the set-up code";
            return Err(CheckpointError::NotAtRest(said.into()).into());
        }
        frozen.carried.renew();
        // Where random bytes are made of a seed, each begins with that of its sandbox.
        frozen.set_entropy(None);
        Ok(Self { runtime, sandbox, is_of_set_up: true, frozen: Arc::new(frozen) })
    }

    /// An interpreter that begins here, with the sandbox of the set-up code. It has spent nothing; generators of random
    /// numbers that have drawn draw new seeds; what was [kept](Interpreter::keep) it has by name.
    ///
    /// # Errors
    ///
    /// As of [`Runtime::start`].
    pub fn start(&self) -> Result<Interpreter> {
        self.start_with(&self.sandbox, Streams::default())
    }

    /// The same with another sandbox and streams of its own. Variables of the environment come beside those of the set-up
    /// code; arguments, working directory and modules of the host replace its own; folders of packages come behind those that
    /// `sys.path` has.
    ///
    /// # Errors
    ///
    /// As of [`Runtime::start_with`].
    pub fn start_with(&self, sandbox: &Sandbox, streams: Streams) -> Result<Interpreter> {
        let mut py = self.frozen.child(&self.runtime, sandbox, streams, Branch::Restore)?;
        if !self.is_of_set_up || !sandbox.is(&self.sandbox) {
            py.set_up_again()?;
        }
        Ok(py)
    }

    /// Whether interpreters of it are this runtime's.
    pub(crate) fn is_of(&self, runtime: &Runtime) -> bool {
        Arc::ptr_eq(&self.runtime.shared, &runtime.shared)
    }

    /// Bytes of memory that differ from the image's.
    #[must_use]
    pub fn size(&self) -> usize {
        Pages::of(&self.frozen.began).size()
    }

    /// Writes it to a file, which is whole from the moment that it is there. It holds whatever the set-up code has left in
    /// memory, secrets included.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`] when the file cannot be written, or Python holds an object of a class of the host.
    pub fn save(&self, path: impl AsRef<Path>, options: &CheckpointOptions) -> Result<()> {
        let pages = Pages::of(&self.frozen.began);
        let bytes =
            dump::write(&self.frozen, &pages, Kind::Template, self.runtime.image(), options)?;
        store(path.as_ref(), &bytes)
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template").field("size", &self.size()).finish_non_exhaustive()
    }
}

/// # Templates
impl Interpreter {
    /// Holds fast where this interpreter is, as a template. Its garbage is collected first; what is left is then left alone
    /// by the garbage collector.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`] while something is under way that is not in its memory, asynchronous functions of the host
    /// included.
    pub fn into_template(self) -> Result<Template> {
        Template::of(self)
    }
}

impl Runtime {
    /// Runs set-up code in an interpreter, and holds fast where it has ended. What it leaves is collected and then left alone by
    /// the garbage collector.
    ///
    /// # Errors
    ///
    /// What the set-up code fails with; [`Error::Checkpoint`] when something is under way at its end.
    pub fn template(
        &self,
        sandbox: &Sandbox,
        set_up: impl FnOnce(&mut Interpreter) -> Result<()>,
    ) -> Result<Template> {
        let mut py = self.start(sandbox)?;
        set_up(&mut py)?;
        Template::of(py)
    }

    /// A template that was [saved](Template::save). Functions of the host that it has are found by name, among those that are
    /// given and in the sandbox's modules; the sandbox is that of [`start`](Template::start).
    ///
    /// # Errors
    ///
    /// As of [`restore_file`](Self::restore_file).
    pub fn open_template(
        &self,
        path: impl AsRef<Path>,
        options: RestoreOptions,
    ) -> Result<Template> {
        let (key, most) = options.bounds()?;
        let bytes = load(path.as_ref(), most)?;
        let written = dump::read(&bytes, Kind::Template, self.image(), (key, most))?;
        let Written { carried, table, drawn, pages } = written;
        let table = dump::bind(&table, &options.functions())?;
        let began = Arc::clone(self.image());
        let frozen = Arc::new(Frozen { carried, table, began, pages, drawn }.mapped(self)?);
        let sandbox = options.sandbox;
        Ok(Template { runtime: self.clone(), sandbox, is_of_set_up: false, frozen })
    }

    /// A template from a folder, where it lies under the hash of what it is made of: `content`, which names the set-up code and
    /// all that this reads, and the image. Made, and put there, when there is none that can be used. The folder should be
    /// this user's alone, as a template is what programs begin from.
    ///
    /// # Errors
    ///
    /// As of [`template`](Self::template), and [`Error::Checkpoint`] when the file cannot be written.
    pub fn cached_template(
        &self,
        folder: impl AsRef<Path>,
        content: &[u8],
        sandbox: &Sandbox,
        set_up: impl FnOnce(&mut Interpreter) -> Result<()>,
    ) -> Result<Template> {
        let mut hasher = Sha256::new();
        hasher.update(self.image().digest());
        hasher.update(content);
        let name = hex(hasher.finalize().get(..16).unwrap_or_default());
        let path: PathBuf = folder.as_ref().join(name + ".template");
        match self.open_template(&path, RestoreOptions::new().sandbox(sandbox)) {
            Ok(template) => return Ok(template),
            // Missing, torn, of another build: made again. What a function of the host lacks would be no better.
            Err(Error::Checkpoint(CheckpointError::Missing(names))) => {
                return Err(CheckpointError::Missing(names).into());
            }
            Err(_) => {}
        }
        let template = self.template(sandbox, set_up)?;
        template.save(&path, &CheckpointOptions::new())?;
        // As the one that the next process opens.
        Ok(Template { is_of_set_up: false, ..template })
    }
}
