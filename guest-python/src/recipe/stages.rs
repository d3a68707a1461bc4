//! The stages of a build in their order: each one's branches, steps and products.

mod cpython;
mod guest;
mod packages;

#[cfg(test)]
pub(crate) use guest::write_info;

use crate::Error;
use crate::digest::{hash_tree, sha256_file};
use crate::error::At;
use crate::flavour::{Flavour, Package as Known};
use crate::guest::Guest;
use crate::keys::{Keys, LIBRARIES, Toolchain};
use crate::recipe::cache::{BuildLock, Cache};
use crate::recipe::cpython::{Tree, announce_build_python, patch};
use crate::recipe::fetch::{self, Fetched};
use crate::recipe::inputs::Inputs;
use crate::recipe::lock::Purpose;
use crate::recipe::package::Package;
use crate::recipe::prerequisites;
use crate::recipe::product::Product;
use crate::recipe::progress::{Branch, Progress, Work, run_stage};
use crate::recipe::toolchain::Tools;
use crate::recipe::unpack;
use crate::recipe::{BuildOptions, Reproduced};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Where everything that a guest is linked from is, or is to be.
pub(crate) struct Finished {
    pub(crate) cpython: PathBuf,
    /// What has to be built for it, those that others need first; tools too, of which nothing is kept.
    pub(crate) packages: Vec<(&'static Known, Product)>,
}

impl Finished {
    /// In the cache.
    pub(crate) fn in_cache(cache: &Cache, keys: &Keys, flavour: &Flavour) -> Self {
        let place = |known: &Known| cache.package(known.name, &keys.package(known));
        Self { cpython: cache.cpython(&keys.cpython), packages: products(flavour, &place) }
    }

    /// In a folder of its own.
    fn in_folder(folder: &Path, flavour: &Flavour) -> Self {
        let place = |known: &Known| folder.join("package").join(known.name);
        Self { cpython: folder.join("cpython"), packages: products(flavour, &place) }
    }

    /// What is linked into the guest of this flavour, beside CPython; its own libraries among it.
    pub(crate) fn linked(&self) -> impl DoubleEndedIterator<Item = (&'static Known, &Product)> {
        let all = self.packages.iter().filter(|(known, _)| !known.tool);
        all.map(|(known, product)| (*known, product))
    }

    /// Those that CPython's own modules need.
    fn libraries(&self) -> impl Iterator<Item = (&'static Known, &Product)> {
        self.linked().filter(|(known, _)| LIBRARIES.contains(&known.name))
    }

    /// What a package needs.
    fn needs(&self, package: &Package) -> Vec<Product> {
        let needed =
            self.linked().filter(|(known, _)| package.needs.iter().any(|n| n == known.name));
        needed.map(|(_, product)| product.clone()).collect()
    }

    /// What has to be built.
    fn lacks(&self) -> Lacks {
        let absent = self.linked().filter(|(_, product)| !product.dir().is_dir());
        let packages = absent.map(|(known, _)| known).collect();
        Lacks { cpython: !self.cpython.is_dir(), packages }
    }
}

/// What of a guest's parts has to be built.
struct Lacks {
    cpython: bool,
    packages: Vec<&'static Known>,
}

impl Lacks {
    fn nothing(&self) -> bool {
        !self.cpython && self.packages.is_empty()
    }

    /// About how many stages their builds have.
    fn stages(&self) -> usize {
        let modules = self.packages.iter().filter(|known| !known.imports.is_empty()).count();
        let cpython = if self.cpython { 4 } else { 0 };
        5 + cpython + self.packages.len() + modules
    }
}

fn products(
    flavour: &Flavour,
    place: &dyn Fn(&Known) -> PathBuf,
) -> Vec<(&'static Known, Product)> {
    let built = flavour.built().into_iter();
    built.map(|known| (known, Product::at(&place(known), known.name))).collect()
}

/// One build under way.
pub(crate) struct Build<'a> {
    inputs: &'a Inputs,
    options: &'a BuildOptions,
    cache: &'a Cache,
    /// What moves what is finished into the cache; without it, all stays in the build's own folder.
    lock: Option<&'a BuildLock>,
    tree: Tree,
    progress: &'a mut dyn Progress,
    stages: usize,
    seconds: BTreeMap<String, f64>,
}

impl<'a> Build<'a> {
    /// A build that works in the folder `work`.
    pub(crate) fn new(
        inputs: &'a Inputs,
        options: &'a BuildOptions,
        (cache, lock): (&'a Cache, Option<&'a BuildLock>),
        work: &Path,
        progress: &'a mut dyn Progress,
    ) -> Self {
        let (tree, seconds) = (Tree::new(work), BTreeMap::new());
        Self { inputs, options, cache, lock, tree, progress, stages: 0, seconds }
    }

    /// Builds what the cache lacks and installs it.
    pub(crate) fn all(
        &mut self,
        lock: &BuildLock,
        finished: &Finished,
        guest: &Guest,
    ) -> Result<(), Error> {
        let lacks = finished.lacks();
        let (fetched, tools) = self.begin(&lacks)?;
        self.libraries(&tools, &fetched, finished, &lacks)?;
        if lacks.cpython {
            let out = self.tree.folder("cpython-out");
            let home = finished.cpython.join("native");
            self.until_native(&tools, finished, &home, &out.join("native"))?;
            self.guest(&tools, &fetched, &out)?;
            self.library(&tools, &out, &out.join("native"))?;
            self.keep(&out, &finished.cpython)?;
        }
        self.packages(&tools, &fetched, finished, &lacks)?;
        let out = self.tree.folder("guest");
        self.link(&tools, finished, &out)?;
        self.assemble(&tools, finished, &out)?;
        // A link from one folder of the cache to the other keeps both movable together.
        let name = finished.cpython.file_name().unwrap_or_default();
        let native = Path::new("../../cpython").join(name).join("native");
        let place = out.join("native");
        std::os::unix::fs::symlink(native, &place).at("create", &place)?;
        self.finish(finished, &out, guest.key())?;
        lock.install(&out, &guest.dir)
    }

    /// Leaves the guest's CPython configured and not compiled, with a native Python of its own.
    pub(crate) fn prepare(&mut self) -> Result<(), Error> {
        let none = Flavour::of::<&str>(&[])?;
        let finished = Finished::in_folder(&self.tree.folder("finished"), &none);
        let lacks = finished.lacks();
        let (fetched, tools) = self.begin(&lacks)?;
        self.libraries(&tools, &fetched, &finished, &lacks)?;
        let home = self.tree.folder("native");
        self.until_native(&tools, &finished, &home, &home)
    }

    /// Builds all but the native Python once more, for its hashes.
    pub(crate) fn again(&mut self, first: &Guest) -> Result<Reproduced, Error> {
        let finished = Finished::in_folder(&self.tree.folder("finished"), &self.options.flavour);
        let lacks = finished.lacks();
        let (fetched, tools) = self.begin(&lacks)?;
        self.libraries(&tools, &fetched, &finished, &lacks)?;
        announce_build_python(&tools, &first.native_python(), self.series())?;
        self.configure(&tools, &finished, None)?;
        self.generate_loop(&tools, &first.dir.join("native"))?;
        let out = self.tree.folder("cpython-out");
        self.guest(&tools, &fetched, &out)?;
        let native = first.dir.join("native");
        self.library(&tools, &out, &native)?;
        let place = out.join("native");
        std::os::unix::fs::symlink(&native, &place).at("create", &place)?;
        self.keep(&out, &finished.cpython)?;
        self.packages(&tools, &fetched, &finished, &lacks)?;
        let out = self.tree.folder("guest");
        self.link(&tools, &finished, &out)?;
        self.assemble(&tools, &finished, &out)?;
        Ok(Reproduced {
            wasm_sha256: sha256_file(&out.join("guest.wasm"))?,
            stdlib_sha256: hash_tree(&out.join("lib"))?,
        })
    }

    /// Puts something that is finished into its place, whole.
    fn keep(&self, out: &Path, place: &Path) -> Result<(), Error> {
        if let Some(lock) = self.lock {
            return lock.install(out, place);
        }
        let parent = place.parent().unwrap_or(place);
        fs::create_dir_all(parent).at("create", parent)?;
        fs::rename(out, place).at("move into place", place)
    }

    fn series(&self) -> &str {
        self.inputs.lock.python_series()
    }

    /// Runs one stage: its name, about how many steps it takes, and its branches.
    fn stage(&mut self, name: &str, steps: u64, branches: Vec<Work<'_>>) -> Result<(), Error> {
        let index = self.seconds.len() + 1;
        self.progress.stage(name, index, self.stages.max(index));
        let start = Instant::now();
        run_stage(self.progress, steps, branches)?;
        *self.seconds.entry(name.to_owned()).or_default() += start.elapsed().as_secs_f64();
        Ok(())
    }

    /// Fetches and unpacks what the builds need.
    fn begin(&mut self, lacks: &Lacks) -> Result<(Fetched, Tools), Error> {
        self.stages = lacks.stages();
        let fetched = self.fetch(lacks)?;
        let tools = self.unpack(&fetched, lacks.cpython)?;
        Ok((fetched, tools))
    }

    fn fetch(&mut self, lacks: &Lacks) -> Result<Fetched, Error> {
        // Linking alone takes no program of this machine.
        let missing =
            (!lacks.nothing()).then(|| prerequisites::missing(self.cache.root(), self.options));
        if let Some(missing) = missing.filter(|missing| !missing.is_empty()) {
            return Err(Error::Missing(missing));
        }
        let root = self.cache.root();
        if root.to_string_lossy().contains(char::is_whitespace) {
            let reason = "CPython's makefile cannot work below a folder with white space in its name (set OPHIDIA_CACHE to another)";
            return Err(Error::Unexpected { path: root.to_owned(), reason: reason.into() });
        }
        let pinned = self.options.toolchain() == Toolchain::Pinned;
        let sources = match lacks.packages.is_empty() {
            true => self.inputs.needed(pinned, &[]),
            false => self.inputs.needed(pinned, &self.with_tools(&lacks.packages)?),
        };
        let mut sources = sources;
        // Of the lock file, CPython is all that is no part of the toolchain.
        sources.retain(|source| {
            source.purpose != Purpose::Source || source.name != "cpython" || lacks.cpython
        });
        let logs = self.tree.folder("logs");
        fs::create_dir_all(&logs).at("create", &logs)?;
        let (cache, local) = (self.cache, self.options.sources.as_deref());
        let work = self.tree.folder("fetch");
        fs::create_dir_all(&work).at("create", &work)?;
        let mut fetched = Fetched::default();
        let into = &mut fetched;
        self.stage(
            "download",
            sources.len() as u64,
            vec![Box::new(|branch| {
                *into = fetch::fetch(cache, local, &sources, &work, branch)?;
                Ok(())
            })],
        )?;
        Ok(fetched)
    }

    /// Unpacks the toolchain, and CPython when it is to be built.
    fn unpack(&mut self, fetched: &Fetched, with_cpython: bool) -> Result<Tools, Error> {
        let (tree, inputs, toolchain) = (self.tree.clone(), self.inputs, self.options.toolchain());
        let mut tools = None;
        let into = &mut tools;
        let (root, epoch) = (tree.root().to_owned(), inputs.lock.source_date_epoch);
        let mut branches: Vec<Work<'_>> = vec![Box::new(|branch: &Branch<'_>| {
            branch.step("toolchain");
            *into = Some(toolchain.install(fetched, &tree.toolchain(), &root, epoch)?);
            Ok(())
        })];
        if with_cpython {
            branches.push(Box::new(|branch| {
                let seen = |name: &Path| branch.step(&name.to_string_lossy());
                unpack::tar_xz(fetched.path("cpython")?, &tree.source(), &seen)?;
                patch(inputs, "patches", &tree.source())
            }));
        }
        self.stage("unpack", if with_cpython { 5000 } else { 1 }, branches)?;
        tools.ok_or(Error::Stopped)
    }
}
