//! `ophidia guest`: the CPython guest in the cache.

use crate::flavour::{self, With};
use crate::load;
use crate::progress::BuildProgress;
use crate::status::Status;
use ophidia::Runtime;
use ophidia_guest::{self as guest, Flavour, Info};
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
        #[command(flatten)]
        packages: With,
    },
    /// List the packages with C code, and the flavours, that a guest can have
    Packages {
        /// One line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what the guest is made of and where it lies
    Info {
        /// One line of JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        packages: With,
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
            Self::Build { verify, packages } => build(verify, &packages.flavour()?),
            Self::Packages { json } => listed(json),
            Self::Info { json, packages } => info(json, &packages.flavour()?),
            Self::Clean { sources } => clean(sources),
        }
    }
}

fn build(verify: bool, flavour: &Flavour) -> anyhow::Result<Status> {
    let cache = load::cache_dir()?;
    load::whole_guest(&cache, flavour)?;
    if verify {
        let mut progress = BuildProgress::new();
        let same = guest::verify_reproducible(&cache, &load::options(flavour), &mut progress)?;
        drop(progress);
        print(&format!(
            "two builds, the same bytes: guest.wasm has SHA-256 {}\n",
            same.wasm_sha256
        ));
    }
    load::runtime(flavour)?;
    info(false, flavour)
}

/// What there is to choose from.
fn listed(json: bool) -> anyhow::Result<Status> {
    if !json {
        print(&flavour::listed());
        return Ok(Status::SUCCESS);
    }
    let packages: Vec<serde_json::Value> = guest::packages()
        .iter()
        .filter(|package| !package.imports.is_empty())
        .map(|package| {
            serde_json::json!({
                "name": package.name,
                "version": package.version,
                "what": package.what,
                "imports": package.imports,
            })
        })
        .collect();
    let flavours: serde_json::Map<String, serde_json::Value> = guest::flavours()
        .filter_map(|name| {
            let flavour = Flavour::named(name).ok()?;
            let names: Vec<&str> = flavour.packages().map(|package| package.name).collect();
            Some((name.to_owned(), names.into()))
        })
        .collect();
    print(&format!("{}\n", serde_json::json!({ "packages": packages, "flavours": flavours })));
    Ok(Status::SUCCESS)
}

fn info(json: bool, flavour: &Flavour) -> anyhow::Result<Status> {
    let described = describe(&load::cache_dir()?, flavour)?;
    print(&if json { serde_json::to_string(&described)? + "\n" } else { described.text() });
    Ok(Status::SUCCESS)
}

fn describe(cache: &Path, flavour: &Flavour) -> anyhow::Result<Described> {
    let guest = load::located(flavour)?;
    let builder = Runtime::builder(cache).flavour(flavour.clone());
    let image_bytes = load::size(&builder.image_files()?);
    let image = builder.image_path()?;
    Ok(Described { info: guest.info()?, guest: guest.dir, image, image_bytes })
}

impl Described {
    fn text(&self) -> String {
        let image = match self.image_bytes {
            Some(bytes) => format!("{} ({} MiB)", self.image.display(), bytes >> 20),
            None => "none yet: the next run makes it".to_owned(),
        };
        let packages = self.info.packages.iter().map(|(name, version)| format!("{name} {version}"));
        let packages = match packages.collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => "none".to_owned(),
            some => some,
        };
        let mut text = String::new();
        for (name, value) in [
            ("CPython", self.info.python.clone()),
            ("packages", packages),
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
