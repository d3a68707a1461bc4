//! `ophidia guest`: the CPython guest in the cache.

use crate::load;
use crate::progress::BuildProgress;
use crate::status::Status;
use ophidia::Runtime;
use ophidia_guest::{self as guest, BuildOptions, Info};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Build, inspect or remove the guest and the image made from it
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Guest {
    /// Build the guest and the image, unless the cache has them
    ///
    /// CPython is compiled from pinned sources with a pinned toolchain, without root; some minutes.
    /// `run` and `repl` do it by themselves when it is needed. OPHIDIA_SOURCES names a folder with
    /// files to be used instead of fetching them, WASI_SDK_PATH an unpacked WASI SDK.
    Build {
        /// Build once more in a new folder and compare every byte
        #[arg(long)]
        verify: bool,
    },
    /// Show what the guest is made of and where it lies
    Info {
        /// One line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove guests and images from the cache
    Clean {
        /// Remove the downloaded sources too
        #[arg(long)]
        sources: bool,
    },
}

/// What `info` tells.
#[derive(Debug, Serialize)]
struct Described {
    guest: PathBuf,
    image: PathBuf,
    image_bytes: Option<u64>,
    #[serde(flatten)]
    info: Info,
}

impl Guest {
    pub(crate) fn run(self) -> anyhow::Result<Status> {
        match self {
            Self::Build { verify } => build(verify),
            Self::Info { json } => info(json),
            Self::Clean { sources } => clean(sources),
        }
    }
}

fn build(verify: bool) -> anyhow::Result<Status> {
    let cache = load::cache_dir()?;
    load::whole_guest(&cache)?;
    if verify {
        let mut progress = BuildProgress::new();
        let same = guest::verify_reproducible(&cache, &BuildOptions::ambient(), &mut progress)?;
        drop(progress);
        print(&format!(
            "two builds, the same bytes: guest.wasm has SHA-256 {}\n",
            same.wasm_sha256
        ));
    }
    load::runtime()?;
    info(false)
}

fn info(json: bool) -> anyhow::Result<Status> {
    let described = describe(&load::cache_dir()?)?;
    print(&if json { serde_json::to_string(&described)? + "\n" } else { described.text() });
    Ok(Status::SUCCESS)
}

fn describe(cache: &Path) -> anyhow::Result<Described> {
    let guest = guest::locate(cache)
        .ok_or_else(|| ophidia::Error::GuestMissing { cache: cache.to_owned() })?;
    let image = Runtime::builder(cache).image_path()?;
    let image_bytes = image.metadata().ok().map(|data| data.len());
    Ok(Described { info: guest.info()?, guest: guest.dir, image, image_bytes })
}

impl Described {
    fn text(&self) -> String {
        let image = match self.image_bytes {
            Some(bytes) => format!("{} ({} MiB)", self.image.display(), bytes >> 20),
            None => "none yet: the next run makes it".to_owned(),
        };
        let mut text = String::new();
        for (name, value) in [
            ("CPython", self.info.python.clone()),
            ("key", self.info.key.clone()),
            ("guest", format!("{} ({} MiB)", self.guest.display(), self.info.wasm_bytes >> 20)),
            ("guest.wasm", format!("SHA-256 {}", self.info.wasm_sha256)),
            ("library", format!("SHA-256 {}", self.info.stdlib_sha256)),
            ("image", image),
        ] {
            let _ = writeln!(text, "{name:<11}{value}");
        }
        let total: f64 = self.info.seconds.values().sum();
        let _ = writeln!(text, "{:<11}{total:.0} s", "built in");
        text
    }
}

fn clean(sources: bool) -> anyhow::Result<Status> {
    let cache = load::cache_dir()?;
    let images = cache.join("image");
    let mut bytes = 0;
    for entry in std::fs::read_dir(&images).into_iter().flatten().flatten() {
        bytes += entry.metadata().map_or(0, |data| data.len());
        std::fs::remove_file(entry.path())?;
    }
    let mut progress = BuildProgress::new();
    let cleaned = guest::clean(&cache, sources, &mut progress)?;
    drop(progress);
    bytes += cleaned.bytes;
    print(&format!("removed {} MiB from {}\n", bytes >> 20, cache.display()));
    Ok(Status::SUCCESS)
}

/// Writes to standard output; that nobody reads it any more is no failure.
pub(crate) fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
