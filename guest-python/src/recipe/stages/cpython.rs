//! CPython itself: configured, made natively and for the guest, with its standard library.

use super::{Build, Finished};
use crate::Error;
use crate::error::At;
use crate::keys::{SERIES, STDLIB, Toolchain};
use crate::recipe::cpython::{self, place_libraries};
use crate::recipe::fetch::Fetched;
use crate::recipe::product::Product;
use crate::recipe::progress::{Work, run_stage};
use crate::recipe::stdlib::{self, Scripts};
use crate::recipe::toolchain::Tools;
use crate::recipe::{check, licenses, profile};
use std::fs;
use std::path::Path;

impl Build<'_> {
    /// Configures CPython for the guest and natively, and makes the native one in `target`, from where it
    /// goes to `home`.
    pub(super) fn until_native(
        &mut self,
        tools: &Tools,
        finished: &Finished,
        home: &Path,
        target: &Path,
    ) -> Result<(), Error> {
        let python = self.tree.native().join("python");
        cpython::announce_build_python(tools, &python, self.series())?;
        self.configure(tools, finished, Some(home))?;
        self.native(tools, home, target)?;
        self.generate_loop(tools, target)
    }

    pub(super) fn configure(
        &mut self,
        tools: &Tools,
        finished: &Finished,
        native_home: Option<&Path>,
    ) -> Result<(), Error> {
        let (tree, inputs) = (self.tree.clone(), self.inputs);
        let libraries: Vec<Product> =
            finished.libraries().map(|(_, product)| product.clone()).collect();
        place_libraries(&tree, &libraries)?;
        let mut branches: Vec<Work<'_>> =
            vec![Box::new(|branch| cpython::configure_guest(inputs, &tree, tools, branch))];
        if let Some(home) = native_home {
            let tree = &tree;
            branches.push(Box::new(move |branch| {
                cpython::configure_native(inputs, tree, tools, home, branch)
            }));
        }
        let count = branches.len() as u64;
        self.stage("configure", cpython::CONFIGURE_LINES * count, branches)
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
    pub(super) fn generate_loop(&mut self, tools: &Tools, native: &Path) -> Result<(), Error> {
        let tree = self.tree.clone();
        let python = native.join("bin").join(format!("python{SERIES}"));
        let work: Work<'_> =
            Box::new(move |branch| cpython::generate_loop(&tree, tools, &python, branch));
        run_stage(self.progress, 1, vec![work])
    }

    /// Compiles the guest's CPython; leaves archives, headers and licences in `out`.
    pub(super) fn guest(
        &mut self,
        tools: &Tools,
        fetched: &Fetched,
        out: &Path,
    ) -> Result<(), Error> {
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
    pub(super) fn library(
        &mut self,
        tools: &Tools,
        out: &Path,
        native: &Path,
    ) -> Result<(), Error> {
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
}
