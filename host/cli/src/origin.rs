//! What interpreters begin from: the image alone, or a template that `ophidia image build` has made.

use crate::flavour::With;
use crate::sandbox::Sandbox;
use crate::{Usage, load};
use ophidia::{CheckpointInfo, Interpreter, Result, Runtime, Streams, Template};
use serde::{Deserialize, Serialize};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The option.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Origin {
    /// Begin where the set-up of this template ended: a file that `ophidia image build` has made, or a name of the cache
    ///
    /// What it imported is there at once. The guest is the one that it was made with. It grants nothing: folders of --site
    /// that the program imports more from are named again.
    #[arg(long, value_name = "FILE|NAME")]
    image: Option<PathBuf>,
}

/// What a template was made of, as its note says.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct MadeOf {
    /// The file of the set-up code.
    pub(crate) set_up: Option<String>,
    pub(crate) preload: Vec<String>,
    pub(crate) sites: Vec<String>,
    /// Which guest it needs.
    pub(crate) guest: With,
}

impl MadeOf {
    /// Of a note, if it is the command's own.
    pub(crate) fn of(info: &CheckpointInfo) -> Option<Self> {
        serde_json::from_str(&info.note).ok()
    }

    pub(crate) fn to_note(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// In a line.
    pub(crate) fn words(&self) -> String {
        let mut words = self.preload.clone();
        words.extend(self.set_up.clone());
        words.extend(self.sites.iter().map(|site| format!("--site {site}")));
        if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
    }
}

/// Where the cache has its templates.
pub(crate) fn folder() -> Result<PathBuf> {
    Ok(load::cache_dir()?.join("template"))
}

/// The same, made for this user alone where it is not there.
pub(crate) fn made_folder() -> anyhow::Result<PathBuf> {
    let folder = folder()?;
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    Ok(folder)
}

/// What files of the cache end with.
pub(crate) const EXTENSION: &str = "template";

/// Where the cache has, or would have, the template of a name.
pub(crate) fn cached(name: &str) -> Result<PathBuf> {
    Ok(folder()?.join(name).with_extension(EXTENSION))
}

/// The file of this path, or that of this name in the cache.
pub(crate) fn found(given: &Path) -> std::result::Result<PathBuf, Usage> {
    if given.exists() {
        return Ok(given.to_owned());
    }
    let name = given.to_str().filter(|name| is_name(name));
    let cached = name.and_then(|name| cached(name).ok()).filter(|path| path.is_file());
    cached.ok_or_else(|| {
        Usage(format!(
            "{}: no such file, nor is that a name in the cache: `ophidia image ls` lists those, `ophidia image build` makes one",
            given.display()
        ))
    })
}

/// Whether a text may be a name in the cache.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Origin {
    /// Has the guest that the template needs, unless another is asked for.
    pub(crate) fn settle(&mut self, sandbox: &mut Sandbox) -> std::result::Result<(), Usage> {
        let Some(image) = &mut self.image else { return Ok(()) };
        let refused = |reason: String| Usage(format!("--image {reason}"));
        *image = found(image).map_err(|reason| refused(reason.to_string()))?;
        let info = CheckpointInfo::of_file(&*image)
            .map_err(|error| refused(format!("{}: {error}", image.display())))?;
        if let Some(of) = MadeOf::of(&info) {
            sandbox.have_guest(of.guest);
        }
        Ok(())
    }

    /// Opens the template.
    pub(crate) fn open(
        &self,
        runtime: Runtime,
        sandbox: &ophidia::Sandbox,
    ) -> std::result::Result<Beginning, Usage> {
        let Some(image) = &self.image else { return Ok(Beginning { runtime, template: None }) };
        let options = ophidia::RestoreOptions::new().sandbox(sandbox);
        let template = runtime
            .open_template(image, options)
            .map_err(|error| Usage(format!("--image {}: {error}", image.display())))?;
        Ok(Beginning { runtime, template: Some(template) })
    }

    /// The file, once it is settled.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.image.as_deref()
    }
}

/// Puts a folder first in `sys.path`, once: a template may have it already.
pub(crate) fn put_first(py: &mut Interpreter, path: &str) -> Result<()> {
    let paths = py.import("sys")?.getattr(py, "path")?;
    if paths.call_method_as(py, "__contains__", (path,))? {
        paths.call_method(py, "remove", (path,))?;
    }
    py.prepend_path(path)
}

/// Where interpreters begin.
#[derive(Clone, Debug)]
pub(crate) struct Beginning {
    pub(crate) runtime: Runtime,
    template: Option<Template>,
}

impl Beginning {
    /// Behind this template.
    pub(crate) fn behind(runtime: Runtime, template: Template) -> Self {
        Self { runtime, template: Some(template) }
    }

    /// An interpreter that begins there.
    pub(crate) fn start(
        &self,
        sandbox: &ophidia::Sandbox,
        streams: Streams,
    ) -> Result<Interpreter> {
        match &self.template {
            Some(template) => template.start_with(sandbox, streams),
            None => self.runtime.start_with(sandbox, streams),
        }
    }
}
