//! How a program ended: what is shown, what `--json` reports, and the exit status.

use crate::progress::say;
use crate::status::Status;
use crate::{Usage, hints};
use ophidia::{Error, Interpreter, LimitExceeded, PythonError, Result};
use serde::Serialize;
use std::io::Write as _;
use std::time::Duration;

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) status: Status,
    ended: Ended,
    stopped_by: Option<&'static str>,
    error: Option<Failure>,
    /// What python3 would have written to standard error: a traceback, the message of `sys.exit`.
    pub(crate) said: String,
    /// What the command itself has to say.
    pub(crate) complaint: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ended {
    /// Ran to its end.
    Ok,
    /// Ended itself with `sys.exit` or `os._exit`.
    Exit,
    /// An exception was not caught.
    Exception,
    /// A limit fired.
    Limit,
    /// Ctrl-C.
    Interrupted,
    /// The guest or the host failed.
    Failed,
}

#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    #[serde(rename = "type")]
    kind: String,
    message: String,
    traceback: Option<String>,
}

/// What the program has used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    pub(crate) peak_memory: u64,
    pub(crate) cpu: Duration,
    pub(crate) fuel: u64,
}

/// The line of `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) status: Ended,
    pub(crate) exit_code: i32,
    pub(crate) stdout: &'a str,
    pub(crate) stderr: &'a str,
    pub(crate) duration_ms: f64,
    peak_memory_bytes: u64,
    cpu_ms: f64,
    fuel: u64,
    pub(crate) stopped_by: Option<&'static str>,
    pub(crate) error: Option<&'a Failure>,
}

impl Report<'_> {
    /// One line, without its end.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Ending {
    /// Takes the result of running a program; `interrupted` says that Ctrl-C was pressed meanwhile.
    pub(crate) fn of(result: Result<()>, interrupted: bool) -> Self {
        let error = match result {
            Ok(()) => return Self::new(Status::SUCCESS, Ended::Ok),
            Err(error) => error,
        };
        match error {
            Error::Python(error) => Self::of_python(*error, interrupted),
            Error::Limit(limit) => Self::of_limit(&limit),
            Error::Cancelled => Self {
                stopped_by: Some("interrupt"),
                complaint: Some("interrupted".into()),
                ..Self::new(Status::INTERRUPTED, Ended::Interrupted)
            },
            error => Self::failed(&error),
        }
    }

    /// How the main program of this interpreter ended, which may take `timeout`.
    pub(crate) fn of_main(
        result: Result<()>,
        interrupted: bool,
        py: &mut Interpreter,
        timeout: Option<Duration>,
    ) -> Self {
        if let Err(Error::Python(error)) = &result
            && !py.is_poisoned()
        {
            let _ = error.traceback(py); // which keeps it; without, the exception is told in a line
        }
        let ending = Self::of(result, interrupted).told(py.take_exception_at_limit());
        if py.was_late() && !py.is_poisoned() { ending.late(timeout) } else { ending }
    }

    fn new(status: Status, ended: Ended) -> Self {
        Self { status, ended, stopped_by: None, error: None, said: String::new(), complaint: None }
    }

    fn of_python(error: PythonError, interrupted: bool) -> Self {
        if let Some(status) = error.exit_status {
            let mut ending = Self::new(Status::of_program(status), Ended::Exit);
            if !error.message.is_empty() {
                ending.said = error.message + "\n";
            }
            return ending;
        }
        let interrupt = error.type_name == "KeyboardInterrupt";
        let mut ending = if interrupt {
            Self::new(Status::INTERRUPTED, Ended::Interrupted)
        } else {
            Self::new(Status::EXCEPTION, Ended::Exception)
        };
        ending.stopped_by = (interrupt && interrupted).then_some("interrupt");
        let traceback = error.made_traceback().map_or_else(|| format!("{error}\n"), str::to_owned);
        ending.said.clone_from(&traceback);
        ending.error = Some(Failure {
            kind: error.type_name,
            message: error.message,
            traceback: Some(traceback),
        });
        ending
    }

    fn of_limit(limit: &LimitExceeded) -> Self {
        let status = match limit {
            LimitExceeded::Timeout { .. }
            | LimitExceeded::Cpu { .. }
            | LimitExceeded::Life { .. } => Status::TIMEOUT,
            _ => Status::LIMIT,
        };
        let mut ending = Self::new(status, Ended::Limit);
        ending.stopped_by = Some(limit.name());
        ending.complain("LimitExceeded", hints::message(limit));
        ending
    }

    /// Of a program that has caught what it was told when its time was over, and has ended by itself.
    fn late(self, limit: Option<Duration>) -> Self {
        match (self.ended, limit) {
            (Ended::Limit | Ended::Failed | Ended::Interrupted, _) | (_, None) => self,
            (_, Some(limit)) => {
                Self { said: self.said, ..Self::of_limit(&LimitExceeded::Timeout { limit }) }
            }
        }
    }

    /// With what Python said where a limit fired.
    pub(crate) fn told(mut self, exception: Option<PythonError>) -> Self {
        if let (Ended::Limit, Some(exception)) = (self.ended, exception) {
            let traceback = exception.made_traceback().unwrap_or_default().to_owned();
            self.said.clone_from(&traceback);
            if let Some(failure) = &mut self.error {
                failure.traceback = Some(traceback);
            }
        }
        self
    }

    /// The guest or the host failed.
    pub(crate) fn failed(error: &Error) -> Self {
        let (status, kind) = match error {
            Error::Limit(limit) => return Self::of_limit(limit),
            Error::Grant(_) => (Status::USAGE, "Grant"),
            Error::GuestFault(_) => (Status::FAILURE, "GuestFault"),
            Error::GuestMissing { .. } => (Status::FAILURE, "GuestMissing"),
            Error::GuestDamaged { .. } => (Status::FAILURE, "GuestDamaged"),
            Error::Checkpoint(_) => (Status::FAILURE, "Checkpoint"),
            Error::Image(_) => (Status::FAILURE, "Image"),
            _ => (Status::FAILURE, "Host"),
        };
        let mut ending = Self::new(status, Ended::Failed);
        ending.complain(kind, error.to_string());
        ending
    }

    /// The command line asks for what cannot be done.
    pub(crate) fn refused(usage: &Usage) -> Self {
        let mut ending = Self::new(Status::USAGE, Ended::Failed);
        ending.complain("Usage", usage.to_string());
        ending
    }

    /// What the program has left as its result cannot be taken.
    pub(crate) fn no_result(error: Error) -> Self {
        let (kind, reason) = match error {
            Error::Python(error) if error.exit_status.is_none() => (error.type_name, error.message),
            Error::Conversion(error) => ("TypeError".to_owned(), error.to_string()),
            // An exit with status 0 is no result either.
            Error::Python(error) if error.exit_status == Some(0) => {
                ("SystemExit".to_owned(), "it has exited while it was written".to_owned())
            }
            error => return Self::of(Err(error), false),
        };
        let mut ending = Self::new(Status::EXCEPTION, Ended::Exception);
        ending.complain(&kind, format!("result: {reason}"));
        ending
    }

    /// Whether the program came to an end of its own: its last line, or an exit.
    pub(crate) fn is_its_own(&self) -> bool {
        matches!(self.ended, Ended::Ok | Ended::Exit)
    }

    /// Whether a program that was started again would have nothing left to do: it came to its end, or raised.
    pub(crate) fn is_over(&self) -> bool {
        self.is_its_own() || matches!(self.ended, Ended::Exception)
    }

    /// Writes to standard error what the program and the command have to say.
    pub(crate) fn show(&self) {
        let _ = std::io::stderr().write_all(self.said.as_bytes());
        if let Some(complaint) = &self.complaint {
            say(complaint);
        }
    }

    /// Why it ended, in a line.
    pub(crate) fn reason(&self) -> String {
        match &self.error {
            Some(Failure { kind, message, .. }) if message.is_empty() => kind.clone(),
            Some(Failure { kind, message, .. }) => format!("{kind}: {message}"),
            None => self.said.trim_end().to_owned(),
        }
    }

    fn complain(&mut self, kind: &str, message: String) {
        self.complaint = Some(message.clone());
        self.error = Some(Failure { kind: kind.into(), message, traceback: None });
    }

    /// What happened while the program was being finished: its exit callbacks, the last flush.
    pub(crate) fn finished(self, result: Result<()>, interrupted: bool) -> Self {
        match result {
            Ok(()) | Err(Error::Poisoned { .. }) => self,
            Err(Error::Python(error)) if error.exit_status.is_none() => {
                // The guest has told, as python3 does.
                Self { status: Status::UNFLUSHED, said: String::new(), complaint: None, ..self }
            }
            error => Self::of(error, interrupted),
        }
    }

    /// What `--json` prints.
    pub(crate) fn report<'a>(
        &'a self,
        stdout: &'a str,
        stderr: &'a str,
        duration: Duration,
        used: Used,
    ) -> Report<'a> {
        let millis = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        Report {
            status: self.ended,
            exit_code: self.status.code(),
            stdout,
            stderr,
            duration_ms: millis(duration),
            peak_memory_bytes: used.peak_memory,
            cpu_ms: millis(used.cpu),
            fuel: used.fuel,
            stopped_by: self.stopped_by,
            error: self.error.as_ref(),
        }
    }
}
