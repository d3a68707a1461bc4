//! `--show`: figures that programs show become files of a folder.

use crate::Usage;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use ophidia::{Error, Figure, Module, figures};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// So many figures, and bytes of them, a program may show.
const FIGURES: u64 = 10_000;
const BYTES: u64 = 1 << 30;

/// The option.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Show {
    /// Write what plt.show() and Image.show() show into this folder: figure-1.png, figure-2.png
    ///
    /// matplotlib's rcParams["savefig.format"] = "svg" gives SVG instead. Files of these names are replaced. A program may show 10,000 figures, 1GiB in all.
    #[arg(long = "show", value_name = "DIR", help_heading = "What the program may touch and use")]
    show: Option<PathBuf>,

    /// The folder, opened before the program begins, and what was written into it.
    #[arg(skip)]
    opened: Option<Arc<Opened>>,
}

#[derive(Debug)]
struct Opened {
    dir: Dir,
    figures: AtomicU64,
    bytes: AtomicU64,
}

impl Show {
    /// Opens the folder, which is made if it is not there.
    pub(crate) fn settle(&mut self) -> Result<(), Usage> {
        let Some(folder) = &self.show else { return Ok(()) };
        let wrong = |error: std::io::Error| {
            Usage(format!(
                "--show {}: {error}: name a folder that can be written",
                folder.display()
            ))
        };
        fs::create_dir_all(folder).map_err(wrong)?;
        let dir = Dir::open_ambient_dir(folder, ambient_authority()).map_err(wrong)?;
        let opened = Opened { dir, figures: AtomicU64::new(0), bytes: AtomicU64::new(0) };
        self.opened = Some(Arc::new(opened));
        Ok(())
    }

    /// What takes the figures, if the option is given.
    pub(crate) fn module(&self) -> Option<Module> {
        let opened = Arc::clone(self.opened.as_ref()?);
        Some(figures(move |figure| opened.write(&figure)))
    }
}

impl Opened {
    fn write(&self, figure: &Figure) -> ophidia::Result<()> {
        let len = figure.bytes.len() as u64;
        let number = self.figures.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes = self.bytes.fetch_add(len, Ordering::Relaxed).saturating_add(len);
        if number > FIGURES || bytes > BYTES {
            return Err(Error::Grant(format!(
                "--show: figure {number}, {bytes} bytes in all: {FIGURES} figures and {BYTES} bytes are allowed: \
                 show fewer, or save them into a folder that is granted"
            ).into()));
        }
        let name = format!("figure-{number}.{}", figure.format);
        self.dir
            .write(&name, &figure.bytes)
            .map_err(|error| Error::Grant(format!("--show: {name}: {error}").into()))
    }
}
