//! What there has to be before a program begins: the runtime, the interpreter, and what is set in it.

use crate::ending::Ending;
use crate::options::PythonOptions;
use crate::origin::{self, Origin};
use crate::program::Program;
use crate::sandbox::Sandbox;
use crate::{Usage, bytecode, load};
use ophidia::{Error, Input, Interpreter, Output, Runtime, Streams};

/// What is set before the program begins.
pub(crate) fn prepare(
    py: &mut Interpreter,
    sandbox: &Sandbox,
    options: &PythonOptions,
    paths: &[String],
) -> Result<(), Box<Ending>> {
    match set(py, sandbox, options, paths) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(refused)) => Err(Box::new(Ending::refused(&refused))),
        Err(error) => Err(Box::new(Ending::failed(&error))),
    }
}

/// The same, without the words for how it went.
pub(crate) fn set(
    py: &mut Interpreter,
    sandbox: &Sandbox,
    options: &PythonOptions,
    paths: &[String],
) -> ophidia::Result<Result<(), Usage>> {
    if let Err(refused) = sandbox.trees().put(py) {
        return Ok(Err(refused));
    }
    paths.iter().rev().try_for_each(|path| origin::put_first(py, path))?;
    bytecode::apply(py, sandbox)?;
    options.apply(py)
}

/// An interpreter that has what the program needs.
pub(super) fn start(
    (sandbox, origin): (&mut Sandbox, &Origin),
    program: &mut Program,
    argv: Vec<String>,
    json: bool,
) -> Result<Interpreter, Box<Ending>> {
    let failed = |error: Error| Box::new(Ending::failed(&error));
    let (runtime, settings) = open(sandbox, program, argv)?;
    let beginning = origin.open(runtime, &settings);
    let beginning = beginning.map_err(|refused| Box::new(Ending::refused(&refused)))?;
    beginning.start(&settings, streams(json)).map_err(failed)
}

/// The runtime, and what the program may do in it.
pub(super) fn open(
    sandbox: &mut Sandbox,
    program: &mut Program,
    argv: Vec<String>,
) -> Result<(Runtime, ophidia::Sandbox), Box<Ending>> {
    let failed = |error: Error| Box::new(Ending::failed(&error));
    let refused = |refused: Usage| Box::new(Ending::refused(&refused));
    let flavour = sandbox.flavour().map_err(refused)?;
    let runtime = load::runtime(&flavour).map_err(failed)?;
    let stdlib = load::located(&flavour).map_err(failed)?.stdlib();
    program.settle(sandbox, &stdlib).map_err(refused)?;
    load::with_bytecode(&runtime, sandbox);
    Ok((runtime, sandbox.build(argv).map_err(failed)?))
}

/// The streams of this process; with --json output is captured.
pub(super) fn streams(json: bool) -> Streams {
    let (stdout, stderr) = if json {
        (Output::capture(), Output::capture())
    } else {
        (Output::inherit_stdout(), Output::inherit_stderr())
    };
    Streams { stdin: Some(Input::inherit()), stdout: Some(stdout), stderr: Some(stderr) }
}
