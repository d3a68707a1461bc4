//! numpy for the guest: configured and compiled by its own build, all its extension modules in one object.

use crate::Error;
use crate::digest::sorted_files;
use crate::error::At;
use crate::recipe::cpython::{self, Tree};
use crate::recipe::fetch::Fetched;
use crate::recipe::inputs::Inputs;
use crate::recipe::openblas::{self, OpenBlas};
use crate::recipe::process;
use crate::recipe::progress::{Branch, file_name};
use crate::recipe::stdlib;
use crate::recipe::toolchain::{TARGET, Tools, quote, script};
use crate::recipe::unpack;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// About how many lines the builds of numpy and OpenBLAS print.
pub(crate) const LINES: u64 = 620 + openblas::LINES;

/// All extension modules, linked with one another.
pub(crate) const OBJECT: &str = "numpy.o";

/// Their dotted names, one a line.
pub(crate) const MODULES: &str = "modules.txt";

/// Files of ours, and their places in the sources.
const FILES: [(&str, &str); 3] = [
    ("blas.c", "numpy/linalg/lapack_lite/blas.c"),
    ("wasm_exp.h", "numpy/_core/src/umath/wasm_exp.h"),
    ("wasm_sort.cpp", "numpy/_core/src/npysort/wasm_sort.cpp"),
];

/// Extension modules that only numpy's own tests use.
fn is_wanted(module: &Path) -> bool {
    let name = file_name(module);
    !name.contains("_tests") && !name.starts_with("_simd.")
}

/// What of the package the guest has no use for, by name or ending.
fn is_left_out(name: &str) -> bool {
    ["__pycache__", "tests", "f2py", "_pyinstaller"].contains(&name)
        || [".so", ".pyi", ".pxd", ".pyx", ".h", ".a", ".typed"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// A build of numpy under way.
pub(crate) struct Numpy<'a> {
    pub(crate) inputs: &'a Inputs,
    pub(crate) tree: &'a Tree,
    pub(crate) tools: &'a Tools,
    pub(crate) fetched: &'a Fetched,
    /// CPython's finished folder.
    pub(crate) cpython: &'a Path,
    pub(crate) jobs: usize,
}

impl Numpy<'_> {
    /// Builds numpy; leaves its object, the names of its modules, the package in `lib/numpy` and licences.
    pub(crate) fn build(&self, out: &Path, branch: &Branch<'_>) -> Result<(), Error> {
        unpack::tar_gz(self.fetched.path("numpy")?, &self.source())?;
        cpython::patch(self.inputs, "numpy", &self.source())?;
        self.inputs.place("numpy", &FILES, &self.source())?;
        self.commands()?;
        let blas = self.blas();
        blas.build(&out.join("licenses"), branch)?;
        let cross = self.folder().join("openblas.cross");
        blas.cross_file(&cross)?;
        let meson = "vendored-meson/meson/meson.py";
        let mut setup = self.python();
        setup.args([meson, "setup", "build", "--cross-file"]).arg(self.folder().join("wasi.cross"));
        setup.arg("--cross-file").arg(cross);
        setup.args(&self.inputs.lock.configure.numpy);
        self.run(setup, "configuring numpy", branch)?;
        let mut ninja = self.tools.command("ninja");
        ninja.arg(format!("-j{}", self.jobs)).args(["-C", "build"]);
        self.run(ninja, "compiling numpy", branch)?;
        let mut install = self.python();
        install.args([meson, "install", "-C", "build", "--no-rebuild", "--tags", "python-runtime"]);
        install.arg("--destdir").arg(self.tree.folder("numpy-dest"));
        self.run(install, "installing numpy", branch)?;
        self.link(out, branch)?;
        self.package(out)
    }

    fn source(&self) -> PathBuf {
        self.tree.folder("numpy")
    }

    fn blas(&self) -> OpenBlas<'_> {
        let Self { inputs, tree, tools, fetched, jobs, .. } = *self;
        OpenBlas { inputs, tree, tools, fetched, cc: "numpy-cc", jobs }
    }

    /// Where the recipe's own files are written.
    fn folder(&self) -> PathBuf {
        self.tree.folder("numpy-recipe")
    }

    fn log(&self) -> PathBuf {
        self.tree.log("numpy")
    }

    fn native(&self) -> PathBuf {
        let series = self.inputs.lock.python_series();
        self.cpython.join("native/bin").join(format!("python{series}"))
    }

    fn python(&self) -> Command {
        self.tools.command(self.native())
    }

    fn run(&self, mut command: Command, what: &str, branch: &Branch<'_>) -> Result<(), Error> {
        command
            .current_dir(self.source())
            .env("NUMPY_LEGACY", self.folder().join("legacy.h"))
            .env("PYTHONDONTWRITEBYTECODE", "1");
        process::run(&mut command, what, &self.log(), branch)
    }

    /// Puts the commands that numpy's build looks for beside the toolchain's.
    fn commands(&self) -> Result<(), Error> {
        let (folder, bin) = (self.folder(), self.tools.bin());
        self.inputs.write_folder("numpy", &folder)?;
        let legacy = folder.join("legacy.h");
        fs::write(&legacy, self.legacy_names()?).at("write", &legacy)?;
        for (package, wheel) in [("cython", "cython"), ("ninja", "ninja")] {
            unpack::zip(self.fetched.path(wheel)?, &folder.join(package), |_| true)?;
        }
        let ninja = unpack::find(&folder.join("ninja"), "ninja")?;
        fs::copy(&ninja, bin.join("ninja")).at("copy", &ninja)?;
        stdlib::executable(&bin.join("ninja"))?;

        let flags = [&*self.inputs.lock.flags.numpy, &self.inputs.lock.flags.machine].concat();
        let include = quote(&self.cpython.join("include"));
        for (name, compiler) in [("numpy-cc", "clang"), ("numpy-c++", "clang++")] {
            let body = format!(
                "exec sh {}/compile.sh {TARGET}-{compiler} -I{include} {} \"$@\"\n",
                quote(&folder),
                flags.join(" ")
            );
            script(&bin.join(name), &body)?;
        }
        let python = quote(&self.native());
        // By this name some of numpy's scripts ask for it.
        script(&bin.join("python3"), &format!("exec {python} \"$@\"\n"))?;
        let cython = quote(&folder.join("cython"));
        let body = format!("PYTHONPATH={cython} exec {python} {cython}/cython.py \"$@\"\n");
        script(&bin.join("cython"), &body)?;
        // It says of itself that it is the guest's Python.
        let data = stdlib::find_installed_sysconfigdata(&self.cpython.join("lib"))?;
        let cross = folder.join("python");
        fs::create_dir_all(&cross).at("create", &cross)?;
        fs::copy(&data, cross.join(file_name(&data))).at("copy", &data)?;
        let name = file_name(&data);
        let body = format!(
            "export _PYTHON_HOST_PLATFORM=wasi-wasm32 _PYTHON_SYSCONFIGDATA_NAME={}\n\
             export PYTHONPATH=\"${{PYTHONPATH:+$PYTHONPATH:}}\"{}:{cython}\nexec {python} \"$@\"\n",
            name.trim_end_matches(".py"),
            quote(&cross),
        );
        script(&bin.join("numpy-python"), &body)
    }

    /// Other names for all that the first version of numpy.random's distributions defines.
    fn legacy_names(&self) -> Result<String, Error> {
        let path = self.source().join("numpy/random/src/distributions/distributions.c");
        let text = fs::read_to_string(&path).at("read", &path)?;
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names: BTreeSet<&str> = words.filter(|word| word.starts_with("random_")).collect();
        Ok(names.iter().map(|name| format!("#define {name} long_{name}\n")).collect())
    }

    /// Links everything into one object. A function that is defined twice is an error here, while in a
    /// library the linker would take the first.
    fn link(&self, out: &Path, branch: &Branch<'_>) -> Result<(), Error> {
        let build = self.source().join("build");
        let (mut modules, mut objects, mut libraries) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for (name, path) in sorted_files(&build)? {
            if !name.ends_with(".so") || !is_wanted(&path) {
                continue;
            }
            let dotted = name.split('.').next().unwrap_or(&name).replace('/', ".");
            modules.push(dotted);
            for part in fs::read_to_string(&path).at("read", &path)?.lines() {
                let list = if part.ends_with(".a") { &mut libraries } else { &mut objects };
                let part = PathBuf::from(part);
                let object = fs::read(build.join(&part)).at("read", &part)?;
                // Two modules may each have compiled the same file.
                if seen.insert((file_name(&part), Sha256::digest(&object))) {
                    list.push(part);
                }
            }
        }
        fs::create_dir_all(out).at("create", out)?;
        let mut command = self.tools.clang();
        command.current_dir(&build).args(["-nostdlib", "-r", "-o"]).arg(out.join(OBJECT));
        command.args(objects).arg("-Wl,--whole-archive").args(libraries);
        command.arg("-Wl,--no-whole-archive").arg(self.blas().archive());
        process::run(&mut command, "linking numpy", &self.log(), branch)?;
        let list = out.join(MODULES);
        fs::write(&list, modules.join("\n") + "\n").at("write", &list)
    }

    /// The package's own files and the record of its version.
    fn package(&self, out: &Path) -> Result<(), Error> {
        let installed = unpack::find(&self.tree.folder("numpy-dest"), "matlib.py")?;
        let lib = out.join("lib");
        let package = installed.parent().unwrap_or(&installed);
        stdlib::copy_tree(package, &lib.join("numpy"), &|name| !is_left_out(name))?;
        let version = self.inputs.lock.version("numpy");
        let record = lib.join(format!("numpy-{version}.dist-info"));
        fs::create_dir_all(&record).at("create", &record)?;
        let information = self.source().join("PKG-INFO");
        let metadata = record.join("METADATA");
        fs::copy(&information, &metadata).at("copy", &information)?;
        let text = fs::read_to_string(&information).at("read", &information)?;
        for name in text.lines().filter_map(|line| line.strip_prefix("License-File: ")) {
            let (from, to) = (self.source().join(name), out.join("licenses/numpy").join(name));
            let folder = to.parent().unwrap_or(&to);
            fs::create_dir_all(folder).at("create", folder)?;
            fs::copy(&from, &to).at("copy", &from)?;
        }
        Ok(())
    }
}
