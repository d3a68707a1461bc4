//! One package under way: its sources unpacked and patched, built by whichever way its file says, and what it
//! leaves brought together.

mod finish;
mod make;
mod meson;
mod sources;
mod tool;

pub(crate) use tool::Workshop;

use crate::Error;
use crate::error::At;
use crate::recipe::cpython::{self, Tree};
use crate::recipe::fetch::Fetched;
use crate::recipe::inputs::Inputs;
use crate::recipe::package::{Export, Package};
use crate::recipe::process;
use crate::recipe::product::{Extension, Product};
use crate::recipe::progress::Branch;
use crate::recipe::stdlib;
use crate::recipe::toolchain::Tools;
use crate::recipe::unpack;
use crate::recipe::wasm;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What makes the compiler for C one for C++, with no headers of C++.
const WITHOUT_HEADERS: [&str; 2] = ["--driver-mode=g++", "-nostdinc++"];

/// A build of a package.
pub(crate) struct Building<'a> {
    pub(crate) inputs: &'a Inputs,
    pub(crate) package: &'a Package,
    pub(crate) tree: &'a Tree,
    pub(crate) tools: &'a Tools,
    pub(crate) fetched: &'a Fetched,
    /// CPython's finished folder, where the package needs it.
    pub(crate) cpython: Option<&'a Path>,
    /// What was built of all that it needs.
    pub(crate) needs: Vec<Product>,
    /// What those ask of it, by their names.
    pub(crate) exports: Vec<(String, Export)>,
    /// Whether its libraries are built for this machine too.
    pub(crate) native: bool,
    pub(crate) jobs: usize,
}

impl Building<'_> {
    /// Builds it; what it leaves is in `out`.
    pub(crate) fn build(&self, out: &Product, branch: &Branch<'_>) -> Result<(), Error> {
        fs::create_dir_all(out.dir()).at("create", out.dir())?;
        self.unpack()?;
        // Nearer than the cache: names of folders outside of the build would end up in what is compiled.
        for need in &self.needs {
            stdlib::link_tree(need.dir(), &self.need(need.name()))?;
        }
        let package = self.package;
        if let Some(make) = &package.make {
            self.make(make, out, branch)?;
        } else if let Some(meson) = &package.meson {
            self.meson(meson, out, branch)?;
        } else {
            self.libraries(out, branch)?;
            self.modules(out, branch)?;
        }
        self.headers(out)?;
        self.finish(out)
    }

    /// Where its sources are.
    fn source(&self) -> PathBuf {
        self.tree.folder("packages").join(&self.package.name)
    }

    /// Where what the recipe itself writes for it is.
    fn folder(&self) -> PathBuf {
        self.tree.folder("recipes").join(&self.package.name)
    }

    /// Where what was built of a need is.
    fn need(&self, name: &str) -> PathBuf {
        self.folder().join("needs").join(name)
    }

    fn log(&self) -> PathBuf {
        self.tree.log(&self.package.name)
    }

    /// The folder of its files in the recipe.
    fn recipe(&self) -> String {
        format!("packages/{}", self.package.name)
    }

    fn unpack(&self) -> Result<(), Error> {
        let source = self.source();
        for (folder, only) in self.package.parts() {
            let (name, target) = match folder {
                None => (self.package.name.clone(), source.clone()),
                Some(folder) => (format!("{}/{folder}", self.package.name), source.join(folder)),
            };
            unpack::archive(self.fetched.path(&name)?, &target, only)?;
        }
        cpython::patch(self.inputs, &format!("{}/patches", self.recipe()), &source)?;
        let files = format!("{}/files", self.recipe());
        for (name, bytes) in self.inputs.folder(&files) {
            let Some(place) = self.package.files.get(name) else {
                let reason = "[files] does not say where in the sources it goes".to_owned();
                return Err(Error::Unexpected { path: Path::new(&files).join(name), reason });
            };
            let path = source.join(place);
            fs::write(&path, bytes).at("write", &path)?;
        }
        let folder = self.folder();
        fs::create_dir_all(&folder).at("create", &folder)
    }

    /// Options for all that is compiled of it for the guest.
    fn flags(&self) -> Vec<String> {
        let flags = &self.inputs.lock.flags;
        [&*flags.packages, &flags.machine, &self.package.flags].concat()
    }

    /// The compiler for C++. Where a package brings the library of C++, the toolchain's own headers are not seen.
    fn clang_cpp(&self) -> Command {
        let brought = self.exports.iter().map(|(_, export)| export).chain([&self.package.export]);
        if !brought.into_iter().any(|export| !export.cxx_flags.is_empty()) {
            return self.tools.clang_cpp();
        }
        let mut command = self.tools.clang();
        command.args(WITHOUT_HEADERS);
        command
    }

    /// Options that what it needs asks for.
    fn exported(&self, cxx: bool) -> Vec<String> {
        let mut options = Vec::new();
        for (need, export) in &self.exports {
            let folder = self.need(need);
            let more: &[String] = if cxx { &export.cxx_flags } else { &[] };
            let filled = export.flags.iter().chain(more);
            options.extend(filled.map(|flag| flag.replace("{dir}", &folder.to_string_lossy())));
        }
        options
    }

    /// The folders of headers, and of Cython's declarations, of what it needs.
    fn needed(&self) -> impl Iterator<Item = PathBuf> {
        self.needs.iter().map(|need| self.need(need.name()).join("include"))
    }

    /// Where Python programs of its build look for modules, and Cython for declarations: what it needs, tools among it.
    fn python_path(&self) -> String {
        let tools = self.package.needs.iter().map(|need| self.tree.folder("tools").join(need));
        let folders = tools.chain(self.needed()).filter(|folder| folder.is_dir());
        let folders: Vec<String> = folders.map(|folder| folder.display().to_string()).collect();
        folders.join(":")
    }

    /// The options that name folders of headers: CPython's, and those of what it needs. They come behind a package's own,
    /// which may have files of the same names.
    fn includes(&self) -> Vec<String> {
        let folders = self.cpython.map(|cpython| cpython.join("include")).into_iter();
        let folders = folders.chain(self.needed());
        folders
            .filter(|folder| folder.is_dir())
            .map(|folder| format!("-isystem{}", folder.display()))
            .collect()
    }

    /// Links modules from their parts into one object. A function that is defined twice is an error here, while in
    /// a library the linker would take the first.
    fn link(
        &self,
        out: &Product,
        extensions: &[Extension],
        (folder, objects, libraries): (&Path, &[PathBuf], &[PathBuf]),
        branch: &Branch<'_>,
    ) -> Result<(), Error> {
        let mut command = self.tools.clang();
        command.current_dir(folder).args(["-nostdlib", "-r", "-o"]).arg(out.object());
        command.args(objects).arg("-Wl,--whole-archive").args(libraries);
        command.arg("-Wl,--no-whole-archive");
        for need in self.needs.iter().filter(|need| self.absorbs(need)) {
            command.args(need.archive_files()?);
        }
        self.run(&mut command, "linking", branch)?;
        // The guest's functions are of the types that they are called with, and its packages define no names for one
        // another but those that start modules.
        let keep = |name: &str| {
            name.starts_with("PyInit_") || self.package.keep.iter().any(|kept| kept == name)
        };
        let mended = wasm::mend(&out.object(), &keep, &[])?;
        let adapted = mended.adapted.iter().map(|line| format!("adapted: {line}\n"));
        let text = format!(
            "{} pointers compared, {} names made local\n{}",
            mended.compared,
            mended.localized,
            adapted.collect::<String>()
        );
        process::note(&self.log(), &text)?;
        out.set_extensions(extensions)
    }

    fn absorbs(&self, need: &Product) -> bool {
        self.package.absorbs.iter().any(|name| name == need.name())
    }

    fn run(&self, command: &mut Command, what: &str, branch: &Branch<'_>) -> Result<(), Error> {
        process::run(command, &format!("{what} {}", self.package.name), &self.log(), branch)
    }
}
