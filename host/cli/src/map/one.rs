//! One input in an interpreter of its own, from its start to what the program leaves.

use super::inputs::{Input, Kind};
use super::place::{self, Place};
use crate::ending::Ending;
use crate::interrupt::Crowd;
use crate::options::PythonOptions;
use crate::origin::Beginning;
use crate::program::Program;
use crate::sandbox::Sandbox;
use crate::status::Status;
use crate::{Usage, run};
use ophidia::{Bytes, Interpreter, Output, Result, Streams, values};
use serde_json::value::RawValue;
use std::time::{Duration, Instant};

/// What all interpreters begin with.
pub(crate) struct Setting {
    pub(crate) beginning: Beginning,
    /// Whether they are prepared there already.
    pub(crate) is_set_up: bool,
    pub(crate) options: Sandbox,
    /// The same, checked and opened once.
    pub(crate) sandbox: ophidia::Sandbox,
    pub(crate) python: PythonOptions,
    /// `PYTHONPATH`.
    pub(crate) paths: Vec<String>,
    pub(crate) script: Program,
    /// The script as it was given.
    pub(crate) name: String,
    pub(crate) crowd: Crowd,
}

/// What became of an input.
pub(crate) struct Ended {
    pub(crate) ending: Ending,
    pub(crate) result: Option<Box<RawValue>>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) duration: Duration,
}

/// Gives the program its arguments and `item`, and tracebacks the lines of the script, which is no file inside.
const BEGIN: &str = "\
global item
import json, linecache, sys
sys.argv[:] = argv
linecache.cache[filename] = (lambda: source,)
item = json.loads(argv[1]) if is_json else argv[1]
";

/// Writes what the program has left as JSON.
const RESULT: &str = r#"
import json, sys

def refuse(value):
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    raise TypeError(f"{name} has no JSON form: leave a dict, list, str, int, float, bool or None")

def written():
    result = vars(sys.modules["__main__"]).get("result")
    if result is None:
        return None
    text = json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=refuse)
    text.encode()
    return text
"#;

/// No operation of a program that was interrupted goes on.
struct Interrupted;

impl Setting {
    /// Runs the program for an input. Gives nothing where it was interrupted.
    pub(crate) fn run(
        &self,
        index: u64,
        input: &Input,
        bytes: std::result::Result<Vec<u8>, String>,
    ) -> Option<Ended> {
        let begun = Instant::now();
        let not_begun = |ending: Ending| {
            Some(Ended {
                ending,
                result: None,
                stdout: String::new(),
                stderr: String::new(),
                duration: begun.elapsed(),
            })
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(reason) => return not_begun(Ending::refused(&Usage(reason))),
        };
        match self.begin(input, bytes) {
            Ok(mut py) => self.run_in(&mut py, index, input, begun).ok(),
            Err(ending) => not_begun(*ending),
        }
    }

    /// An interpreter that has the input.
    fn begin(
        &self,
        input: &Input,
        bytes: Vec<u8>,
    ) -> std::result::Result<Interpreter, Box<Ending>> {
        let failed = |error: ophidia::Error| Box::new(Ending::failed(&error));
        let refused = |reason: String| Box::new(Ending::refused(&Usage(reason)));
        let (mut sandbox, mut put) = (self.sandbox.clone(), None);
        if let Kind::File(file) = &input.kind {
            let copy = || Bytes::from(&*bytes);
            match place::of(file, &self.options) {
                Place::Granted => {}
                Place::Put => put = Some((file, copy())),
                Place::Mounted => {
                    let builder = sandbox.to_builder().mount(place::mount(file, copy()));
                    sandbox = builder.build().map_err(failed)?;
                }
            }
        }
        let streams = Streams {
            stdin: Some(ophidia::Input::bytes(bytes)),
            stdout: Some(Output::capture()),
            stderr: Some(Output::capture()),
        };
        let mut py = self.beginning.start(&sandbox, streams).map_err(failed)?;
        if !self.is_set_up {
            run::prepare(&mut py, &self.options, &self.python, &self.paths)?;
        }
        if let Some((file, bytes)) = put {
            let put = py.files().put(&file.guest, bytes.0);
            put.map_err(|error| refused(format!("{}: {error}", input.name)))?;
        }
        Ok(py)
    }

    fn run_in(
        &self,
        py: &mut Interpreter,
        index: u64,
        input: &Input,
        begun: Instant,
    ) -> std::result::Result<Ended, Interrupted> {
        let during = |py: &mut Interpreter, call: &dyn Fn(&mut Interpreter) -> Result<()>| {
            self.crowd.during(index, py, call).ok_or(Interrupted)
        };
        let argv = vec![self.name.as_str(), input.argument()];
        let is_json = matches!(input.kind, Kind::Json);
        let (source, filename) = self.script.text();
        let source = String::from_utf8_lossy(source);
        let ran = during(py, &|py| {
            py.run_with(
                BEGIN,
                values! { argv: &argv, is_json: is_json, source: &*source, filename: filename },
            )?;
            self.script.run(py)
        })?;
        let mut ending = Ending::of_main(ran, false, py, self.options.timeout());
        let mut said = std::mem::take(&mut ending.said);
        let mut result = None;
        if ending.is_its_own() && !py.is_poisoned() {
            match self.crowd.during(index, py, take_result).ok_or(Interrupted)? {
                Ok(taken) => result = taken,
                Err(error) if ending.status == Status::SUCCESS => ending = Ending::no_result(error),
                Err(_) => {}
            }
        }
        if !py.is_poisoned() {
            let finished = during(py, &|py| py.finish())?;
            if finished.is_err() {
                result = None;
                ending = ending.finished(finished, false);
                said += &ending.said;
            }
        }
        if !self.options.trees().write_out(py, Some(&index.to_string())) {
            ending.status = ending.status.or_unflushed();
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Ended {
            stdout: text(py.take_stdout()),
            stderr: text(py.take_stderr()) + &said,
            ending,
            result,
            duration: begun.elapsed(),
        })
    }
}

/// What the program has left in `result`: a text that is JSON in one line, whatever became of the guest's encoder.
fn take_result(py: &mut Interpreter) -> Result<Option<Box<RawValue>>> {
    let names = py.namespace()?;
    names.run(py, RESULT)?;
    let Some(text) = names.eval_as::<Option<String>>(py, "written()")? else { return Ok(None) };
    let refused = |reason: &dyn std::fmt::Display| {
        ophidia::PythonError::new(
            "ValueError",
            format!("json.dumps has written what is no JSON: {reason}"),
        )
    };
    if text.contains(['\n', '\r']) {
        return Err(refused(&"a line break").into());
    }
    Ok(Some(RawValue::from_string(text).map_err(|error| refused(&error))?))
}
