//! Standard output and error: where a guest's go, and what ends a write.

use super::errno::{Answer, Errno, Failure};
use crate::error::{Error, LimitExceeded, panicked};
use crate::sandbox::control::{Control, Stop, Wake, is_ready};
use crate::sandbox::holding::Held;
use crate::sandbox::ledger::Ledger;
use parking_lot::{Mutex, MutexGuard};
use rustix::event::PollFlags;
use rustix::termios::isatty;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What a pipe that is ready takes without waiting.
const PIPE: usize = 4096;

/// Bytes that a writer is given between two looks at the deadline.
const PIECE: usize = 64 << 10;

/// The longest line that [`Output::lines`] tells in one piece.
const LINE: usize = 64 << 10;

/// Where a guest's standard output or error goes. A panic of a closure or a writer of the caller's ends the
/// call in which it happens with [`Error::Host`].
pub struct Output(Sink);

enum Sink {
    Discard,
    Capture(Vec<u8>, Option<Held>),
    Writer(Box<dyn Write + Send>),
    Lines(Lines),
    /// Another interpreter's.
    Shared(Stdout),
    Stdout,
    Stderr,
}

impl Output {
    /// Discards the output.
    #[must_use]
    pub fn discard() -> Self {
        Self(Sink::Discard)
    }

    /// Collects the output in memory, at most [`Limits::output`](crate::Limits::output) bytes; taken with
    /// [`take_stdout`](crate::Interpreter::take_stdout) or
    /// [`take_stderr`](crate::Interpreter::take_stderr). The default.
    ///
    /// A write of more fails with `OSError` in Python, and the operation in which that happened ends with
    /// [`LimitExceeded::Output`](crate::LimitExceeded::Output), whatever the program makes of it. What fitted is
    /// there to be taken, and the interpreter can be used on.
    #[must_use]
    pub fn capture() -> Self {
        Self(Sink::Capture(Vec::new(), None))
    }

    /// Writes the output to a writer as it comes. The deadline is looked at between writes of 64 KiB; a
    /// writer that blocks holds the guest up past it.
    #[must_use]
    pub fn writer(writer: impl Write + Send + 'static) -> Self {
        Self(Sink::Writer(Box::new(writer)))
    }

    /// Passes the output to a closure line by line, without line breaks; a line of more than 64 KiB in
    /// pieces. What has no line break at the end is told when the output is no longer used. The deadline is
    /// looked at after each line.
    #[must_use]
    pub fn lines(tell: impl FnMut(&str) + Send + 'static) -> Self {
        Self(Sink::Lines(Lines { tell: Box::new(tell), line: Vec::new() }))
    }

    /// To the standard output of this process, as it comes.
    #[must_use]
    pub fn inherit_stdout() -> Self {
        Self(Sink::Stdout)
    }

    /// To the standard error of this process, as it comes.
    #[must_use]
    pub fn inherit_stderr() -> Self {
        Self(Sink::Stderr)
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Sink::Discard => "Output::discard",
            Sink::Capture(..) => "Output::capture",
            Sink::Writer(_) | Sink::Lines(_) | Sink::Shared(_) => "Output::writer",
            Sink::Stdout => "Output::inherit_stdout",
            Sink::Stderr => "Output::inherit_stderr",
        })
    }
}

/// A guest's standard output or error.
#[derive(Clone, Debug)]
pub(crate) struct Stdout {
    sink: Arc<Mutex<Output>>,
    limit: u64,
}

impl Stdout {
    pub(crate) fn new(output: Output, limit: u64) -> Self {
        Self { sink: Arc::new(Mutex::new(output)), limit }
    }

    /// Where a copy of the guest writes by itself: captured output is its own, a writer the same.
    pub(crate) fn branch(&self) -> Output {
        Output(match &self.lock().0 {
            Sink::Discard => Sink::Discard,
            Sink::Capture(..) => Sink::Capture(Vec::new(), None),
            Sink::Writer(_) | Sink::Lines(_) => Sink::Shared(self.clone()),
            Sink::Shared(of) => Sink::Shared(of.clone()),
            Sink::Stdout => Sink::Stdout,
            Sink::Stderr => Sink::Stderr,
        })
    }

    /// Whether both are the same stream.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.sink, &other.sink)
    }

    fn lock(&self) -> MutexGuard<'_, Output> {
        self.sink.lock()
    }

    /// What has been captured since this was last called; empty for other sinks.
    pub(crate) fn take(&self) -> Vec<u8> {
        match &mut self.lock().0 {
            Sink::Capture(bytes, held) => {
                *held = None;
                std::mem::take(bytes)
            }
            _ => Vec::new(),
        }
    }

    /// Sends what comes from now on elsewhere; gives where it went before.
    pub(crate) fn redirect(&self, output: Output) -> Output {
        std::mem::replace(&mut self.lock(), output)
    }

    /// The same, letting go of where it went: that may be told a last line.
    pub(crate) fn send_back(&self, output: Output) -> Result<(), Error> {
        let last = self.redirect(output);
        catch_unwind(AssertUnwindSafe(|| drop(last)))
            .map_err(|panic| panicked("the receiver of output", &*panic))
    }

    pub(super) fn is_terminal(&self) -> bool {
        match self.lock().0 {
            Sink::Stdout => isatty(io::stdout()),
            Sink::Stderr => isatty(io::stderr()),
            _ => false,
        }
    }

    /// Writes what can be written before the deadline or an interruption. Less than all is written only by
    /// an interruption, and where a captured stream is full.
    pub(super) fn write(
        &self,
        control: &Control,
        ledger: &mut Ledger,
        bytes: &[u8],
    ) -> Answer<usize> {
        let write = || match &mut self.lock().0 {
            Sink::Discard => Ok(bytes.len()),
            Sink::Capture(captured, held) => {
                let held = held.get_or_insert_with(|| Held::none(&ledger.captured));
                capture(captured, held, self.limit, ledger, bytes)
            }
            Sink::Writer(writer) => {
                for piece in bytes.chunks(PIECE) {
                    control.check()?;
                    writer.write_all(piece)?;
                    writer.flush()?;
                }
                Ok(bytes.len())
            }
            Sink::Lines(lines) => Ok(lines.write(control, bytes)?),
            Sink::Shared(of) => of.write(control, ledger, bytes),
            Sink::Stdout => write_descriptor(control, io::stdout().as_fd(), bytes),
            Sink::Stderr => write_descriptor(control, io::stderr().as_fd(), bytes),
        };
        catch_unwind(AssertUnwindSafe(write))
            .unwrap_or_else(|panic| Err(panicked("the receiver of output", &*panic).into()))
    }
}

/// Keeps what there is room for. The guest is told once in an operation that there is none, which ends with
/// the limit anyway; after that the rest is dropped, so that nothing of it waits in the guest's buffers.
fn capture(
    captured: &mut Vec<u8>,
    held: &mut Held,
    limit: u64,
    ledger: &mut Ledger,
    bytes: &[u8],
) -> Answer<usize> {
    let room = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(captured.len());
    let room = room.min(bytes.len());
    let granted = held.grow(room as u64);
    let fits = bytes.get(..granted as usize).unwrap_or(bytes);
    captured.extend_from_slice(fits);
    if fits.len() == bytes.len() {
        return Ok(bytes.len());
    }
    let limit = match fits.len() == room {
        true => LimitExceeded::Output { limit },
        false => ledger.holding.exceeded(),
    };
    let told = ledger.refuse_output(limit, fits.is_empty());
    match (fits.len(), told) {
        (0, false) => Err(Errno::NoSpace.into()),
        (0, true) => Ok(bytes.len()),
        (some, _) => Ok(some),
    }
}

/// Writes to a descriptor of this process, which may have a slow reader.
fn write_descriptor(control: &Control, fd: BorrowedFd<'_>, bytes: &[u8]) -> Answer<usize> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        control.check()?;
        if !is_ready(fd, PollFlags::OUT) {
            if control.wait_for_descriptor(fd, PollFlags::OUT, None)? == Wake::Interrupted {
                return if written > 0 { Ok(written) } else { Err(Errno::Interrupted.into()) };
            }
            continue;
        }
        match rustix::io::write(fd, rest.get(..PIPE).unwrap_or(rest)) {
            Ok(len) => written += len,
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(_) if written > 0 => break,
            Err(error) => return Err(Failure::from(error)),
        }
    }
    Ok(written)
}

/// Lines told to a closure.
struct Lines {
    tell: Box<dyn FnMut(&str) + Send>,
    line: Vec<u8>,
}

impl Lines {
    fn tell(&mut self) {
        // Taken first: what panics is not told again.
        let line = std::mem::take(&mut self.line);
        (self.tell)(&String::from_utf8_lossy(&line));
        self.line = line;
        self.line.clear();
    }

    fn write(&mut self, control: &Control, bytes: &[u8]) -> Result<usize, Stop> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = LINE.saturating_sub(self.line.len()).max(1);
            let part = rest.get(..room).unwrap_or(rest);
            let end = part.iter().position(|byte| *byte == b'\n');
            let (text, len) = match end {
                Some(end) => (part.get(..end).unwrap_or_default(), end + 1),
                None => (part, part.len()),
            };
            self.line.extend_from_slice(text);
            rest = rest.get(len..).unwrap_or_default();
            if end.is_some() || self.line.len() >= LINE {
                self.tell();
                control.check()?;
                if control.interrupt_pending() {
                    break;
                }
            }
        }
        Ok(bytes.len() - rest.len())
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.tell();
        }
    }
}
