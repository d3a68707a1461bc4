//! Programs under way that the caller steps through: between two steps, the interpreter is at rest and the caller's.

use super::rest::{Program, Waits, Why};
use super::{Interpreter, Python, SourceKind};
use crate::convert::{Args, FromPython};
use crate::error::{Error, Result};
use crate::value::Object;
use ophidia_abi::Mode;
use std::time::{Duration, Instant};

/// What is known of one program.
#[derive(Debug)]
pub(super) struct UnderWay {
    /// What is stepped through.
    task: Object,
    /// How long it has taken, waiting included.
    spent: Duration,
    /// Why the next step is made.
    why: Why,
    /// What it waits for; nothing while that is not known.
    waits: Option<Waits>,
    /// Whether waiting does not count.
    waits_freely: bool,
}

impl UnderWay {
    /// One that another interpreter has begun.
    pub(super) fn going_on(task: Object, spent: Duration) -> Self {
        Self { task, spent, why: Why::Ready, waits: None, waits_freely: false }
    }

    pub(super) fn task(&self) -> &Object {
        &self.task
    }

    /// A wait is over, or was given up, and the program has taken so long by now: the next wait is for the rest.
    pub(super) fn note_wait(&mut self, waited: Duration, spent: Duration) {
        self.spent = spent;
        if let Some((timer, ..)) = &mut self.waits
            && *timer > 0.0
        {
            *timer = (*timer - waited.as_secs_f64()).max(0.0);
        }
    }

    pub(super) fn spent(&self) -> Duration {
        self.spent
    }
}

/// A program under way that awaits at rest, begun by [`Interpreter::begin`]. It is one interpreter's; that of a child or of
/// a restored one is among its [`tasks`](Interpreter::tasks).
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    number: u64,
    task: Object,
}

/// How far a program has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It has ended: [`Interpreter::task_result`] tells how.
    Ended,
    /// Nothing of it can run at the moment.
    Waiting {
        /// How long it is until its next timer, if it has set one.
        timer: Option<Duration>,
        /// Whether functions of the host are under way.
        host_calls: bool,
    },
}

/// # Programs in steps
///
/// [`run_async`](Self::run_async) has the interpreter until the program has ended. These methods give it back whenever the
/// program waits, so that it can be forked or checkpointed in the middle:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> ophidia::Result<()> {
/// use ophidia::Progress;
/// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
/// let task = py.begin("import asyncio\nfor i in range(3):\n    await asyncio.sleep(0.01)")?;
/// while py.step(&task)? != Progress::Ended {
///     // At rest: py.fork(), py.checkpoint(..) and whatever else can be done with an interpreter.
///     py.wait(&task, None).await?;
/// }
/// py.task_result::<()>(&task)?;
/// assert_eq!(py.eval("i")?, 2.into());
/// # Ok(())
/// # }
/// ```
///
/// The program is one operation, whose time is that of all steps and waits; what lies between them is the caller's. Other
/// programs of the same interpreter go on in its steps, as tasks do.
impl Interpreter {
    /// Begins to run statements in `__main__`, which may `await` at their top level. Nothing runs before the first step,
    /// unless nothing is awaited.
    pub fn begin(&mut self, source: &str) -> Result<Task> {
        let began = Instant::now();
        let task = self.operation(|py| py.begun(Mode::Exec, source.as_bytes(), "<string>"))?;
        Ok(self.under_way(task, began))
    }

    /// The same of the bytes of a source file, as [`run_source`](Python::run_source) takes them; `filename` is what tracebacks
    /// call it.
    ///
    /// # Errors
    ///
    /// Text that cannot be decoded or compiled is Python's `SyntaxError`.
    pub fn begin_source(
        &mut self,
        kind: SourceKind,
        source: &[u8],
        filename: &str,
    ) -> Result<Task> {
        let began = Instant::now();
        let task = self.operation(|py| py.begun(kind.mode(), source, filename))?;
        Ok(self.under_way(task, began))
    }

    /// Begins to call a function; what it gives is awaited, if it can be.
    pub fn begin_call(&mut self, function: &Object, args: impl Args) -> Result<Task> {
        let began = Instant::now();
        let task = self.operation(|py: &mut Python<'_>| {
            let called = function.call(py, args)?;
            py.call_helper_own("rest.begin", (&called,))
        })?;
        Ok(self.under_way(task, began))
    }

    fn under_way(&mut self, task: Object, began: Instant) -> Task {
        let programs = &mut self.state_mut().session.programs;
        let number = programs.last_key_value().map_or(0, |(last, _)| last + 1);
        programs.insert(number, UnderWay::going_on(task.clone(), began.elapsed()));
        Task { number, task }
    }

    /// Programs that were begun, here or where this interpreter comes from, and whose results were not taken yet: in the
    /// order in which they began.
    #[must_use]
    pub fn tasks(&self) -> Vec<Task> {
        let programs = self.state().session.programs.iter();
        programs.map(|(number, of)| Task { number: *number, task: of.task.clone() }).collect()
    }

    /// Lets the time of a program be how long it is busy at a time, which begins anew now and whenever it waits.
    pub(crate) fn wait_freely(&mut self, task: &Task) -> Result<()> {
        let of = self.program(task)?;
        (of.spent, of.waits_freely) = (Duration::ZERO, true);
        Ok(())
    }

    fn program(&mut self, task: &Task) -> Result<&mut UnderWay> {
        self.guest().handle(&task.task)?;
        let found = self.state_mut().session.programs.get_mut(&task.number);
        found.ok_or_else(|| Error::host("a program whose result was taken"))
    }

    /// Runs what of a program can run, and tells how far it has come.
    ///
    /// # Errors
    ///
    /// What ends the interpreter, or the step; an exception that the program ends with comes with its
    /// [result](Self::task_result).
    pub fn step(&mut self, task: &Task) -> Result<Progress> {
        let of = self.program(task)?;
        let (object, spent, why) = (of.task.clone(), of.spent, of.why);
        let mut program = Program::going_on(self, object, spent);
        let stepped = program.step(why);
        let spent = program.spent();
        drop(program);
        let of = self.program(task)?;
        (of.spent, of.why, of.waits) = (spent, Why::Ready, None);
        let Some(waits) = stepped? else { return Ok(Progress::Ended) };
        let timer = Duration::try_from_secs_f64(waits.0).ok();
        let host_calls = waits.1;
        of.waits = Some(waits);
        Ok(Progress::Waiting { timer, host_calls })
    }

    /// Waits until there is a reason for another step, or for so long at most: gives whether there is one. The future holds
    /// neither a thread nor a stack, and may be dropped: nothing is lost.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] and [`Error::Cancelled`] when the program has to end; the interpreter is poisoned then.
    pub async fn wait(&mut self, task: &Task, most: impl Into<Option<Duration>>) -> Result<bool> {
        let began = Instant::now();
        let until = most.into().and_then(|most| began.checked_add(most));
        let of = self.program(task)?;
        let Some(waits) = of.waits.clone() else { return Ok(true) };
        let (object, spent) = (of.task.clone(), of.spent);
        let waits_freely = of.waits_freely;
        let is_free = waits_freely && waits.0 != 0.0;
        let mut program = Program::going_on(self, object, spent);
        if waits_freely {
            program.waits_freely();
        }
        let mut waiting = Waiting { program, of: task, began, is_free };
        let why = waiting.program.rest_until(waits, until).await;
        drop(waiting);
        let Some(why) = why? else { return Ok(false) };
        let of = self.program(task)?;
        (of.why, of.waits) = (why, None);
        Ok(true)
    }

    /// What a program has come to, as a Rust type (`()` for one whose result is of no interest).
    ///
    /// # Errors
    ///
    /// The exception that it has ended with; [`Error::Host`] where it has not ended.
    pub fn task_result<T: FromPython>(&mut self, task: &Task) -> Result<T> {
        let spent = self.program(task)?.spent;
        let result = self.closing(spent, |py| {
            let done: bool = task.task.call_method_as(py, "done", ())?;
            done.then(|| py.apply_as("rest.result", (&task.task,))).transpose()
        });
        match result {
            Ok(None) => Err(Error::host("a program that has not ended")),
            ended => {
                self.state_mut().session.programs.remove(&task.number);
                ended.and_then(|value| value.ok_or_else(|| Error::host("no result")))
            }
        }
    }

    /// Cancels a program, as dropping the future of [`run_async`](Self::run_async) does.
    pub fn abandon(&mut self, task: &Task) -> Result<()> {
        self.program(task)?;
        let ended = self.state_mut().session.programs.remove(&task.number);
        drop(ended.map(|ended| Program::going_on(self, ended.task, Duration::ZERO).abandoned()));
        Ok(())
    }
}

/// A wait that is noted however it ends.
struct Waiting<'i, 't> {
    program: Program<'i>,
    of: &'t Task,
    began: Instant,
    /// Whether its time does not count.
    is_free: bool,
}

impl Drop for Waiting<'_, '_> {
    fn drop(&mut self) {
        let spent = if self.is_free { Duration::ZERO } else { self.program.spent() };
        self.program.note_wait(self.of.number, self.began.elapsed(), spent);
    }
}
