//! Options of python3 that people type, and its environment variables: honoured, or told.

use crate::Usage;
use crate::progress::say;
use ophidia::{Error, Interpreter, Result};

/// The options.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct PythonOptions {
    /// Do not hold output back, as `python3 -u`
    #[arg(short = 'u', help_heading = HEADING)]
    unbuffered: bool,

    /// Leave out assertions; twice: docstrings too
    #[arg(short = 'O', action = clap::ArgAction::Count, help_heading = HEADING)]
    optimize: u8,

    /// Filter warnings: error, ignore, default::DeprecationWarning
    #[arg(short = 'W', value_name = "FILTER", help_heading = HEADING)]
    warnings: Vec<String>,

    /// dev, tracemalloc[=N], int_max_str_digits=N
    #[arg(short = 'X', value_name = "OPTION", help_heading = HEADING)]
    extra: Vec<String>,

    /// Accepted, and true of every program here: isolated, no bytecode is written, no user's folder, no banner
    #[arg(short = 'I', short_aliases = ['B', 'E', 's', 'S', 'P', 'q', 'R'], action = clap::ArgAction::Count, help_heading = HEADING)]
    isolated: u8,

    #[command(flatten)]
    others: OtherOptions,
}

/// What python3 takes and a program in the sandbox cannot have: told by name.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct OtherOptions {
    #[arg(short = 'i', hide = true)]
    inspect: bool,
    #[arg(short = 'v', action = clap::ArgAction::Count, hide = true)]
    verbose: u8,
    #[arg(short = 'b', action = clap::ArgAction::Count, hide = true)]
    bytes_warnings: u8,
    #[arg(short = 'd', hide = true)]
    parser_debug: bool,
    #[arg(short = 'x', hide = true)]
    skip_first_line: bool,
}

impl OtherOptions {
    fn refusal(&self) -> Option<&'static str> {
        [
            (self.inspect, "-i: a session does not begin in a program's place: `ophidia repl`, and import it there"),
            (self.verbose > 0, "-v: imports are not told one by one here: leave it out, and ask sys.modules"),
            (self.bytes_warnings > 0, "-b: bytes are compared with texts without a warning here: leave it out"),
            (self.parser_debug, "-d: the guest's CPython has no debugging parser: leave it out"),
            (self.skip_first_line, "-x: no first line is left out here: begin it with #"),
        ]
        .into_iter()
        .find_map(|(is_there, refusal)| is_there.then_some(refusal))
    }
}

const HEADING: &str = "As with python3";

/// Variables that say what is so anyway.
const NO_MATTER: [&str; 6] = [
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUTF8",
    "PYTHONNOUSERSITE",
    "PYTHONSAFEPATH",
    "PYTHONFAULTHANDLER",
    "PYTHONCOERCECLOCALE",
];

impl PythonOptions {
    /// With what variables of the environment say; gives `PYTHONPATH` too. One that cannot be honoured is told.
    pub(crate) fn with_environment<'a>(
        &mut self,
        variables: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Vec<String> {
        let mut paths = Vec::new();
        for (name, value) in
            variables.filter(|(name, value)| name.starts_with("PYTHON") && !value.is_empty())
        {
            match name {
                "PYTHONWARNINGS" => {
                    let filters = value.split(',').map(str::to_owned);
                    self.warnings.splice(0..0, filters);
                }
                "PYTHONPATH" => paths.extend(value.split(':').map(str::to_owned)),
                "PYTHONUNBUFFERED" => self.unbuffered = true,
                "PYTHONOPTIMIZE" => self.optimize = self.optimize.max(value.parse().unwrap_or(1)),
                "PYTHONDEVMODE" => self.extra.push("dev".into()),
                "PYTHONTRACEMALLOC" => self.extra.push(format!("tracemalloc={value}")),
                "PYTHONINTMAXSTRDIGITS" => self.extra.push(format!("int_max_str_digits={value}")),
                name if NO_MATTER.contains(&name) => {}
                name => say(&format!(
                    "{name}: Python takes no notice of it here; the program can read it"
                )),
            }
        }
        paths
    }

    /// Applies them to an interpreter that has run nothing yet.
    pub(crate) fn apply(&self, py: &mut Interpreter) -> Result<Result<(), Usage>> {
        let Self { unbuffered, optimize, warnings, extra, isolated: _, others } = self;
        if let Some(refusal) = others.refusal() {
            return Ok(Err(Usage(refusal.into())));
        }
        if !unbuffered && *optimize == 0 && warnings.is_empty() && extra.is_empty() {
            return Ok(Ok(()));
        }
        let options = py.import("_ophidia.options")?;
        let optimize = (*optimize).min(2);
        match options.call_method(py, "apply", (warnings, optimize, *unbuffered, extra)) {
            Err(Error::Python(error)) if error.type_name == "ValueError" => {
                Ok(Err(Usage(error.message)))
            }
            other => other.map(|_| Ok(())),
        }
    }
}
