//! OpenBLAS for the guest: products of matrices, with kernels of ours for WebAssembly's vectors.

use crate::Error;
use crate::error::At;
use crate::recipe::cpython::{self, Tree};
use crate::recipe::fetch::Fetched;
use crate::recipe::inputs::Inputs;
use crate::recipe::process;
use crate::recipe::programs::CC;
use crate::recipe::progress::Branch;
use crate::recipe::toolchain::{TARGET, Tools};
use crate::recipe::unpack;
use std::fs;
use std::path::{Path, PathBuf};

/// About how many lines its build prints.
pub(crate) const LINES: u64 = 2400;

/// Files of ours, and their places in the sources.
const FILES: [(&str, &str); 2] = [
    ("gemmkernel_wasm.c", "kernel/riscv64/gemmkernel_wasm.c"),
    ("memory.c", "driver/others/memory.c"),
];

/// A build of OpenBLAS under way.
pub(crate) struct OpenBlas<'a> {
    pub(crate) inputs: &'a Inputs,
    pub(crate) tree: &'a Tree,
    pub(crate) tools: &'a Tools,
    pub(crate) fetched: &'a Fetched,
    /// A command of the C compiler.
    pub(crate) cc: &'a str,
    pub(crate) jobs: usize,
}

impl OpenBlas<'_> {
    /// Builds it; leaves the licence in `licenses`.
    pub(crate) fn build(&self, licenses: &Path, branch: &Branch<'_>) -> Result<(), Error> {
        let source = self.source();
        unpack::tar_xz(self.fetched.path("openblas")?, &source, &|_| {})?;
        cpython::patch(self.inputs, "openblas", &source)?;
        self.inputs.place("openblas", &FILES, &source)?;
        let lock = &self.inputs.lock;
        let mut make = self.tools.command("make");
        make.current_dir(&source)
            .env("COMMON_OPT", lock.flags.openblas.join(" "))
            .arg(format!("-j{}", self.jobs))
            .args(&lock.configure.openblas)
            .arg(format!("CC={}", self.cc))
            .arg(format!("AR={TARGET}-ar"))
            .arg(format!("RANLIB={TARGET}-ranlib"))
            .args([&format!("HOSTCC={CC}"), "libs"]);
        process::run(&mut make, "compiling OpenBLAS", &self.tree.log("openblas"), branch)?;
        // What numpy's build asks for.
        let header = source.join("openblas_config.h");
        let version =
            format!("#define OPENBLAS_VERSION \"OpenBLAS {}\"\n", lock.version("openblas"));
        fs::write(&header, version).at("write", &header)?;
        fs::create_dir_all(licenses).at("create", licenses)?;
        let licence = source.join("LICENSE");
        fs::copy(&licence, licenses.join("openblas.txt")).at("copy", &licence).map(|_| ())
    }

    fn source(&self) -> PathBuf {
        self.tree.folder("openblas")
    }

    /// The library.
    pub(crate) fn archive(&self) -> PathBuf {
        self.source().join("libopenblas.a")
    }

    /// Tells numpy's build where it is, in the syntax of a cross file.
    pub(crate) fn cross_file(&self, path: &Path) -> Result<(), Error> {
        let folder = self.source().to_string_lossy().replace('\'', "\\'");
        let text = format!(
            "[properties]\nopenblas_includedir = '{folder}'\nopenblas_librarydir = '{folder}'\n"
        );
        fs::write(path, text).at("write", path)
    }
}
