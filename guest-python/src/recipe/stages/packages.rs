//! The builds of packages: the libraries that CPython needs before it, all others after it.

use super::{Build, Finished, Lacks};
use crate::Error;
use crate::flavour::{Package as Known, packages};
use crate::keys::{LIBRARIES, STDLIB};
use crate::recipe::building::{Building, Workshop};
use crate::recipe::fetch::Fetched;
use crate::recipe::package::{Export, Package};
use crate::recipe::product::Product;
use crate::recipe::progress::Work;
use crate::recipe::stdlib;
use crate::recipe::toolchain::Tools;
use std::path::Path;

/// About how many Python files a package has.
const FILES: u64 = 100;

impl Build<'_> {
    /// Those, and the tools that they are built with.
    pub(super) fn with_tools(&self, lacking: &[&'static Known]) -> Result<Vec<Package>, Error> {
        let is_needed = |known: &&Known| {
            let tool = known.tool && lacking.iter().any(|of| of.needs.contains(&known.name));
            tool || lacking.iter().any(|other| other.name == known.name)
        };
        let known: Vec<&Known> = packages().iter().filter(is_needed).collect();
        self.inputs.packages(&known)
    }

    /// Builds what CPython's own modules need.
    pub(super) fn libraries(
        &mut self,
        tools: &Tools,
        fetched: &Fetched,
        finished: &Finished,
        lacks: &Lacks,
    ) -> Result<(), Error> {
        for known in lacks.packages.iter().filter(|known| LIBRARIES.contains(&known.name)) {
            self.package(tools, fetched, finished, known)?;
        }
        Ok(())
    }

    /// Builds everything else.
    pub(super) fn packages(
        &mut self,
        tools: &Tools,
        fetched: &Fetched,
        finished: &Finished,
        lacks: &Lacks,
    ) -> Result<(), Error> {
        let others = lacks.packages.iter().filter(|known| !LIBRARIES.contains(&known.name));
        let others: Vec<&'static Known> = others.copied().collect();
        if others.is_empty() {
            return Ok(());
        }
        let folder = self.tree.folder("tools");
        let workshop = Workshop { inputs: self.inputs, tools, fetched, folder };
        workshop.install(&self.with_tools(&others)?, &finished.cpython)?;
        others.into_iter().try_for_each(|known| self.package(tools, fetched, finished, known))
    }

    /// What its needs ask of a package.
    fn exports(&self, package: &Package) -> Result<Vec<(String, Export)>, Error> {
        let needs = package.needs.iter().filter(|need| *need != "python");
        needs.map(|need| Ok((need.clone(), self.inputs.package(need)?.export))).collect()
    }

    fn package(
        &mut self,
        tools: &Tools,
        fetched: &Fetched,
        finished: &Finished,
        known: &Known,
    ) -> Result<(), Error> {
        let (tree, inputs, jobs) = (self.tree.clone(), self.inputs, self.options.jobs());
        let package = inputs.package(known.name)?;
        let python = package.needs.iter().any(|need| need == "python");
        let out = Product::at(&tree.folder("products").join(known.name), known.name);
        let building = Building {
            inputs,
            package: &package,
            tree: &tree,
            tools,
            fetched,
            cpython: python.then_some(&*finished.cpython),
            needs: finished.needs(&package),
            exports: self.exports(&package)?,
            native: LIBRARIES.contains(&known.name),
            jobs,
        };
        let work: Work<'_> = Box::new(|branch| building.build(&out, branch));
        self.stage(known.name, package.steps, vec![work])?;
        if out.lib().is_dir() {
            let native = stdlib::python(inputs, &finished.cpython);
            let stage = format!("{}'s bytecode", known.name);
            self.compile(tools, &native, &out.lib(), STDLIB, &stage, FILES)?;
        }
        let found = finished.linked().find(|(other, _)| other.name == known.name);
        found.map_or(Ok(()), |(_, product)| self.keep(out.dir(), product.dir()))
    }

    /// Compiles a folder of Python files, which the guest sees as `guest`, to bytecode.
    pub(super) fn compile(
        &mut self,
        tools: &Tools,
        python: &Path,
        folder: &Path,
        guest: &str,
        stage: &str,
        steps: u64,
    ) -> Result<(), Error> {
        let scripts_folder = self.tree.folder("scripts");
        self.inputs.write_folder("recipe", &scripts_folder)?;
        let epoch = self.inputs.lock.source_date_epoch;
        let log = self.tree.log("bytecode");
        let scripts = stdlib::Scripts { python, folder: &scripts_folder, tools, log: &log };
        self.stage(stage, steps, scripts.compile(folder, guest))?;
        stdlib::normalise(folder, epoch)
    }
}
