//! `ophidia bindgen`: typed Rust wrappers of a Python module.

mod names;
mod write;

use crate::guest::print;
use crate::sandbox::Sandbox;
use crate::status::Status;
use crate::{ending, load, progress};
use ophidia::FromPython;
use std::path::PathBuf;

/// Write a Rust module that wraps a Python module
///
/// One method for each function and class, with its documentation; optional arguments are set by
/// methods that have their names. The module is imported in the sandbox to be looked at.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bindgen {
    /// The module: statistics, os.path
    module: String,

    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    sandbox: Sandbox,
}

const EXAMPLES: &str = "\
Examples:
  ophidia bindgen statistics -o src/statistics.rs
  ophidia bindgen --site packages markdown -o src/markdown.rs

In the program:
  let statistics = statistics::Statistics::import(&mut py)?;
  let cuts: Vec<f64> = statistics.quantiles(data).n(10).call_as(&mut py)?;";

/// What `_ophidia.bindgen` tells of a module.
#[derive(Debug, FromPython)]
struct Module {
    name: String,
    doc: String,
    functions: Vec<Callable>,
    classes: Vec<Class>,
    constants: Vec<Constant>,
}

#[derive(Debug, FromPython)]
struct Callable {
    name: String,
    doc: String,
    /// `None`: it does not tell.
    parameters: Option<Vec<Parameter>>,
    returns: String,
}

#[derive(Debug, FromPython)]
struct Parameter {
    name: String,
    /// As in Python's `inspect`: 0 positional only, 1 either, 2 `*args`, 3 keyword only, 4 `**kwargs`.
    kind: u8,
    optional: bool,
    annotation: String,
}

#[derive(Debug, FromPython)]
struct Class {
    name: String,
    doc: String,
    constructor: Callable,
    methods: Vec<Callable>,
    properties: Vec<Property>,
}

#[derive(Debug, FromPython)]
struct Property {
    name: String,
    doc: String,
    returns: String,
    settable: bool,
}

#[derive(Debug, FromPython)]
struct Constant {
    name: String,
    kind: String,
}

impl Bindgen {
    pub(crate) fn run(mut self) -> anyhow::Result<Status> {
        self.sandbox.settle()?;
        let mut py =
            load::runtime(&self.sandbox.flavour()?)?.start(&self.sandbox.build(Vec::new())?)?;
        let described = py.import("_ophidia.bindgen").and_then(|bindgen| {
            bindgen.call_method_as::<Module>(&mut py, "describe", (&self.module,))
        });
        let module = match described {
            Ok(module) => module,
            Err(error @ (ophidia::Error::Python(_) | ophidia::Error::Limit(_))) => {
                let ended = ending::Ending::of(Err(error), false);
                progress::say(&format!(
                    "{}: it cannot be imported here: {}",
                    self.module,
                    ended.reason()
                ));
                return Ok(ended.status);
            }
            Err(error) => return Err(error.into()),
        };
        let text = write::module(&module);
        match &self.output {
            Some(path) if path.as_os_str() != "-" => std::fs::write(path, text)
                .map_err(|error| crate::Usage(format!("{}: {error}", path.display())))?,
            _ => print(&text),
        }
        Ok(Status::SUCCESS)
    }
}
