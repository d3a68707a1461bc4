//! How a module is started: `driver.py`, in the guest or under the native Python.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use ophidia_tests::suite::{Report, Scratch, Suite};
use ophidia_tests::{command, guest};

use crate::modules::Module;
use crate::tree;

/// Runs modules, by the command or by native Python.
#[derive(Debug)]
pub(crate) struct Runner {
    tree: PathBuf,
    driver: PathBuf,
    native: Option<PathBuf>,
}

impl Runner {
    pub(crate) fn new(suite: &Suite, native: bool) -> Result<Self> {
        let native = native.then(|| guest().native_python());
        if native.is_none() {
            command();
        }
        Ok(Self { tree: tree::test_tree()?, driver: suite.file("driver.py"), native })
    }

    pub(crate) fn run(&self, module: &Module) -> Report {
        Report::of(&module.name, |scratch| self.python(module, scratch))
    }

    fn python(&self, module: &Module, scratch: &Scratch) -> Command {
        let mut python = match &self.native {
            Some(native) => scratch.native(native),
            None => scratch.ophidia("300s", "1GiB", &self.tree),
        };
        python.arg(&self.driver).arg(&self.tree).arg(scratch.results()).arg(&module.name);
        python.args(module.pretend.iter().map(|what| format!("--pretend={what}")));
        python.args(&module.stand_ins);
        python
    }
}
