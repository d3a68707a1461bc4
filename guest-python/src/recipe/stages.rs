//! The stages of a build in their order: each one's branches, steps and products.

use crate::Error;
use crate::digest::{hash_tree, sha256_file};
use crate::error::At;
use crate::guest::{Guest, Info};
use crate::keys::{STDLIB, Toolchain};
use crate::recipe::cache::{BuildLock, Cache};
use crate::recipe::cpython::{self, Tree};
use crate::recipe::fetch::{self, Fetched};
use crate::recipe::inputs::{Inputs, NOTICES};
use crate::recipe::lock::{Purpose, Source};
use crate::recipe::numpy::{self, Numpy};
use crate::recipe::progress::{Branch, Progress, Work, run_stage};
use crate::recipe::stdlib::{self, Scripts};
use crate::recipe::toolchain::Tools;
use crate::recipe::{BuildOptions, Reproduced};
use crate::recipe::{check, libraries, licenses, link, prerequisites, profile, unpack};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The finished folders of the cache that a guest is linked from.
pub(crate) struct Finished {
    pub(crate) cpython: PathBuf,
    pub(crate) numpy: PathBuf,
}

/// Which of them have to be built.
#[derive(Clone, Copy)]
struct Lacks {
    cpython: bool,
    numpy: bool,
}

/// One build under way.
pub(crate) struct Build<'a> {
    inputs: &'a Inputs,
    options: &'a BuildOptions,
    cache: &'a Cache,
    tree: Tree,
    progress: &'a mut dyn Progress,
    stages: usize,
    seconds: BTreeMap<String, f64>,
}

impl<'a> Build<'a> {
    /// A build of `stages` stages that works in the folder `work`.
    pub(crate) fn new(
        inputs: &'a Inputs,
        options: &'a BuildOptions,
        cache: &'a Cache,
        work: &Path,
        stages: usize,
        progress: &'a mut dyn Progress,
    ) -> Self {
        let (tree, seconds) = (Tree::new(work), BTreeMap::new());
        Self { inputs, options, cache, tree, progress, stages, seconds }
    }

    /// Builds what the cache lacks and installs it.
    pub(crate) fn all(
        &mut self,
        lock: &BuildLock,
        finished: &Finished,
        guest: &Guest,
    ) -> Result<(), Error> {
        let lacks = Lacks { cpython: !finished.cpython.is_dir(), numpy: !finished.numpy.is_dir() };
        let fetched = self.fetch(lacks)?;
        let tools = self.unpack(&fetched, lacks.cpython)?;
        if lacks.cpython {
            let out = self.tree.folder("cpython");
            self.until_native(&tools, &finished.cpython.join("native"), &out.join("native"))?;
            self.guest(&tools, &fetched, &out)?;
            self.library(&tools, &out, &out.join("native"))?;
            lock.install(&out, &finished.cpython)?;
        }
        if lacks.numpy {
            let out = self.tree.folder("numpy-out");
            self.numpy(&tools, &fetched, &finished.cpython, &out)?;
            lock.install(&out, &finished.numpy)?;
        }
        let out = self.tree.folder("guest");
        self.link(&tools, finished, &out)?;
        self.package(&tools, finished, &finished.cpython.join("native"), &out)?;
        // A link from one folder of the cache to the other keeps both movable together.
        let name = finished.cpython.file_name().unwrap_or_default();
        let native = Path::new("../../cpython").join(name).join("native");
        let place = out.join("native");
        std::os::unix::fs::symlink(native, &place).at("create", &place)?;
        self.finish(&out, guest.key())?;
        lock.install(&out, &guest.dir)
    }

    /// Leaves the guest's CPython configured and not compiled, with a native Python of its own.
    pub(crate) fn prepare(&mut self) -> Result<(), Error> {
        let fetched = self.fetch(Lacks { cpython: true, numpy: true })?;
        let tools = self.unpack(&fetched, true)?;
        let home = self.tree.folder("native");
        self.until_native(&tools, &home, &home)
    }

    /// Configures CPython for the guest and natively, and makes the native one in `target`, from where it
    /// goes to `home`.
    fn until_native(&mut self, tools: &Tools, home: &Path, target: &Path) -> Result<(), Error> {
        let python = self.tree.native().join("python");
        cpython::announce_build_python(tools, &python, self.series())?;
        self.configure(tools, Some(home))?;
        self.native(tools, home, target)?;
        self.generate_loop(tools, target)
    }

    /// Builds all but the native Python once more, for its hashes.
    pub(crate) fn again(&mut self, first: &Guest) -> Result<Reproduced, Error> {
        let fetched = self.fetch(Lacks { cpython: true, numpy: true })?;
        let tools = self.unpack(&fetched, true)?;
        cpython::announce_build_python(&tools, &first.native_python(), self.series())?;
        self.configure(&tools, None)?;
        self.generate_loop(&tools, &first.dir.join("native"))?;
        let finished =
            Finished { cpython: self.tree.folder("cpython"), numpy: self.tree.folder("numpy-out") };
        self.guest(&tools, &fetched, &finished.cpython)?;
        let native = first.dir.join("native");
        self.library(&tools, &finished.cpython, &native)?;
        let place = finished.cpython.join("native");
        std::os::unix::fs::symlink(&native, &place).at("create", &place)?;
        self.numpy(&tools, &fetched, &finished.cpython, &finished.numpy)?;
        let out = self.tree.folder("guest");
        self.link(&tools, &finished, &out)?;
        self.package(&tools, &finished, &native, &out)?;
        Ok(Reproduced {
            wasm_sha256: sha256_file(&out.join("guest.wasm"))?,
            stdlib_sha256: hash_tree(&out.join("lib"))?,
        })
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
        self.seconds.insert(name.to_owned(), start.elapsed().as_secs_f64());
        Ok(())
    }

    fn fetch(&mut self, lacks: Lacks) -> Result<Fetched, Error> {
        // Linking alone takes no program of this machine.
        let missing = (lacks.cpython || lacks.numpy)
            .then(|| prerequisites::missing(self.cache.root(), self.options));
        if let Some(missing) = missing.filter(|missing| !missing.is_empty()) {
            return Err(Error::Missing(missing));
        }
        let root = self.cache.root();
        if root.to_string_lossy().contains(char::is_whitespace) {
            let reason = "CPython's makefile cannot work below a folder with white space in its name (set OPHIDIA_CACHE to another)";
            return Err(Error::Unexpected { path: root.to_owned(), reason: reason.into() });
        }
        let mut sources: Vec<&Source> =
            self.inputs.lock.needed(self.options.toolchain() == Toolchain::Pinned);
        sources.retain(|source| match source.purpose {
            Purpose::Toolchain => true,
            Purpose::Source => lacks.cpython,
            Purpose::Numpy => lacks.numpy,
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

    /// Unpacks the toolchain, and CPython with its libraries when they are to be built.
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
                cpython::patch(inputs, "patches", &tree.source())
            }));
            branches.push(Box::new(|branch| {
                for name in libraries::names() {
                    branch.step(name);
                    unpack::tar_gz(fetched.path(name)?, &tree.crates().join(name))?;
                }
                Ok(())
            }));
        }
        self.stage("unpack", if with_cpython { 5000 } else { 1 }, branches)?;
        tools.ok_or(Error::Stopped)
    }

    fn configure(&mut self, tools: &Tools, native_home: Option<&Path>) -> Result<(), Error> {
        let (tree, inputs) = (self.tree.clone(), self.inputs);
        let steps = 2 * libraries::STEPS + cpython::CONFIGURE_LINES;
        let mut branches: Vec<Work<'_>> =
            vec![Box::new(|branch| cpython::configure_guest(inputs, &tree, tools, branch))];
        if let Some(home) = native_home {
            let tree = &tree;
            branches.push(Box::new(move |branch| {
                cpython::configure_native(inputs, tree, tools, home, branch)
            }));
        }
        let count = branches.len() as u64;
        self.stage("libraries and configure", steps * count, branches)
    }

    fn native(&mut self, tools: &Tools, home: &Path, target: &Path) -> Result<(), Error> {
        let (tree, inputs, jobs) = (self.tree.clone(), self.inputs, self.options.jobs());
        let dest = tree.folder("dest");
        self.stage(
            "native python",
            cpython::NATIVE_LINES,
            vec![Box::new(|branch| {
                cpython::make_native(inputs, &tree, tools, &dest, jobs, branch)?;
                let installed = dest.join(home.strip_prefix("/").unwrap_or(home));
                let library =
                    installed.join("lib").join(format!("python{}", inputs.lock.python_series()));
                stdlib::copy_library(&tree.source().join("Lib"), &library)?;
                let data = stdlib::find_sysconfigdata(&tree.native())?;
                fs::copy(&data, library.join(crate::recipe::progress::file_name(&data)))
                    .at("copy", &data)?;
                let parent = target.parent().unwrap_or(target);
                fs::create_dir_all(parent).at("create", parent)?;
                let python =
                    installed.join("bin").join(format!("python{}", inputs.lock.python_series()));
                cpython::check_native(&python, tools, &tree.log("native-make"), branch)?;
                fs::rename(&installed, target).at("move into place", target)
            })],
        )
    }

    /// Makes the guest's evaluation loop of the patched instructions, by the native Python in a folder.
    fn generate_loop(&mut self, tools: &Tools, native: &Path) -> Result<(), Error> {
        let tree = self.tree.clone();
        let python = native.join("bin").join(format!("python{}", self.series()));
        let work: Work<'_> =
            Box::new(move |branch| cpython::generate_loop(&tree, tools, &python, branch));
        run_stage(self.progress, 1, vec![work])
    }

    /// Compiles the guest's CPython; leaves archives, headers and licences in `out`.
    fn guest(&mut self, tools: &Tools, fetched: &Fetched, out: &Path) -> Result<(), Error> {
        let (tree, inputs, jobs) = (self.tree.clone(), self.inputs, self.options.jobs());
        let toolchain = self.options.toolchain();
        let pinned = toolchain == Toolchain::Pinned;
        let profile = profile::flags(inputs, &tree, tools, &toolchain)?;
        self.stage(
            "compile",
            cpython::GUEST_LINES,
            vec![Box::new(|branch| {
                check::modules(&inputs.lock.modules.builtin, &cpython::builtin_modules(&tree)?)?;
                cpython::make_guest(inputs, &tree, tools, &profile, jobs, branch)?;
                let archives = out.join("archives");
                fs::create_dir_all(&archives).at("create", &archives)?;
                for name in cpython::archives(inputs) {
                    let from = tree.guest().join(&name);
                    let to = archives.join(crate::recipe::progress::file_name(&from));
                    fs::copy(&from, &to).at("copy", &from)?;
                }
                stdlib::copy_tree(&tree.guest_libraries().join("lib"), &archives, &|_| true)?;
                stdlib::copy_tree(&tree.source().join("Include"), &out.join("include"), &|_| true)?;
                let config = tree.guest().join("pyconfig.h");
                fs::copy(&config, out.join("include/pyconfig.h")).at("copy", &config)?;
                licenses::collect(&tree, fetched, pinned, &out.join("licenses"))
            })],
        )?;
        if let Some(text) = profile::complaint(&profile, &cpython::guest_log(&tree))? {
            self.progress.message(&text);
        }
        Ok(())
    }

    /// The standard library without the in-guest package.
    fn library(&mut self, tools: &Tools, out: &Path, native: &Path) -> Result<(), Error> {
        let (tree, inputs) = (self.tree.clone(), self.inputs);
        let lib = out.join("lib");
        stdlib::copy_library(&tree.source().join("Lib"), &lib)?;
        let folder = tree.folder("scripts");
        inputs.write_folder("recipe", &folder)?;
        let python = native.join("bin").join(format!("python{}", self.series()));
        let epoch = inputs.lock.source_date_epoch;
        let log = tree.log("library");
        let scripts = Scripts { python: &python, folder: &folder, tools, log: &log };
        let root = tree.root();
        let build = tree.guest();
        // First the one file that is written, then all that are compiled.
        run_stage(self.progress, 1, vec![scripts.sysconfigdata(&build, root, &lib)])?;
        self.stage("standard library", stdlib::FILES, scripts.compile(&lib, STDLIB))?;
        stdlib::normalise(&lib, epoch)
    }

    /// Builds numpy for that CPython; leaves what is linked, the package and its licence in `out`.
    fn numpy(
        &mut self,
        tools: &Tools,
        fetched: &Fetched,
        cpython: &Path,
        out: &Path,
    ) -> Result<(), Error> {
        let (tree, inputs, jobs) = (self.tree.clone(), self.inputs, self.options.jobs());
        let numpy = Numpy { inputs, tree: &tree, tools, fetched, cpython, jobs };
        let work: Work<'_> = Box::new(|branch| numpy.build(out, branch));
        self.stage("numpy", numpy::LINES, vec![work])?;
        let native = cpython.join("native");
        let package = out.join("lib");
        self.compile(tools, &native, &package, STDLIB, "numpy's bytecode", 300)
    }

    /// Compiles a folder of Python files, which the guest sees as `guest`, to bytecode.
    fn compile(
        &mut self,
        tools: &Tools,
        native: &Path,
        folder: &Path,
        guest: &str,
        stage: &str,
        steps: u64,
    ) -> Result<(), Error> {
        let scripts_folder = self.tree.folder("scripts");
        self.inputs.write_folder("recipe", &scripts_folder)?;
        let python = native.join("bin").join(format!("python{}", self.series()));
        let epoch = self.inputs.lock.source_date_epoch;
        let log = self.tree.log("bytecode");
        let scripts = Scripts { python: &python, folder: &scripts_folder, tools, log: &log };
        self.stage(stage, steps, scripts.compile(folder, guest))?;
        stdlib::normalise(folder, epoch)
    }

    fn link(&mut self, tools: &Tools, finished: &Finished, out: &Path) -> Result<(), Error> {
        fs::create_dir_all(out).at("create", out)?;
        let wasm = out.join("guest.wasm");
        let (inputs, wasm) = (self.inputs, &wasm);
        let work = self.tree.root().to_owned();
        let steps = inputs.folder("bridge").count() as u64;
        self.stage(
            "link",
            steps,
            vec![Box::new(move |branch| link::link(inputs, tools, finished, &work, wasm, branch))],
        )?;
        self.stage(
            "check",
            1,
            vec![Box::new(move |branch| {
                branch.step("guest.wasm");
                check::check(wasm)
            })],
        )
    }

    /// The standard library with numpy and the in-guest packages, the headers and the licences.
    fn package(
        &mut self,
        tools: &Tools,
        finished: &Finished,
        native: &Path,
        out: &Path,
    ) -> Result<(), Error> {
        let inputs = self.inputs;
        let lib = out.join("lib");
        stdlib::link_tree(&finished.cpython.join("lib"), &lib)?;
        stdlib::link_tree(&finished.numpy.join("lib"), &lib)?;
        stdlib::link_tree(&finished.cpython.join("include"), &out.join("include"))?;
        let licenses = out.join("licenses");
        stdlib::link_tree(&finished.cpython.join("licenses"), &licenses)?;
        stdlib::link_tree(&finished.numpy.join("licenses"), &licenses)?;
        for (folder, name) in [("python", "_ophidia"), ("ophidia", "ophidia")] {
            let package = lib.join(name);
            inputs.write_folder(folder, &package)?;
            let guest = format!("{STDLIB}/{name}");
            let steps = inputs.folder(folder).count() as u64;
            self.compile(tools, native, &package, &guest, "install", steps)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &Path, key: &str) -> Result<(), Error> {
        let wasm = out.join("guest.wasm");
        let notices = out.join("licenses/THIRD-PARTY-NOTICES.md");
        fs::write(&notices, NOTICES).at("write", &notices)?;
        let info = Info {
            key: key.to_owned(),
            python: self.inputs.lock.python.clone(),
            wasm_sha256: sha256_file(&wasm)?,
            wasm_bytes: fs::metadata(&wasm).at("read", &wasm)?.len(),
            stdlib_sha256: hash_tree(&out.join("lib"))?,
            seconds: self.seconds.clone(),
        };
        write_info(out, &info)
    }
}

/// Records a guest in its folder.
pub(crate) fn write_info(folder: &Path, info: &Info) -> Result<(), Error> {
    let path = folder.join("info.json");
    let text = serde_json::to_string_pretty(info)
        .map_err(|error| Error::Unexpected { path: path.clone(), reason: error.to_string() })?;
    fs::write(&path, text + "\n").at("write", &path)
}
