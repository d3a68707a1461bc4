//! Standard streams: where a guest's input comes from and its output goes.
//!
//! Waiting for input, and for a slow reader of inherited output, ends at the call's deadline.

use crate::error::LimitExceeded;
use crate::error::{Error, panicked};
use crate::sandbox::control::{Control, Stop};
use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::isatty;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

/// The control is looked at this often while a stream is waited for.
const SLICE: Duration = Duration::from_millis(5);

/// Bytes taken from a reader at a time.
const CHUNK: usize = 8192;

/// Bytes the guest may write to a stream in one go.
const WRITE: usize = 64 << 10;

/// Where a guest's standard input comes from.
pub struct Input(Source);

enum Source {
    Bytes(io::Cursor<Vec<u8>>),
    Reader(Option<Box<dyn Read + Send>>),
    Channel(Receiver<io::Result<Vec<u8>>>, Vec<u8>),
    Inherit,
    Ended,
}

impl Input {
    /// No input: reading gives the end of the file at once. The default.
    #[must_use]
    pub fn empty() -> Self {
        Self(Source::Ended)
    }

    /// These bytes, then the end of the file.
    #[must_use]
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Source::Bytes(io::Cursor::new(bytes.into())))
    }

    /// What a reader gives; a panic in it ends the call that reads with [`Error::Host`]. It is read on a thread of its own, from the guest's first read on, and
    /// at most 16 KiB ahead of the guest; the thread ends with the reader or the interpreter.
    #[must_use]
    pub fn reader(reader: impl Read + Send + 'static) -> Self {
        Self(Source::Reader(Some(Box::new(reader))))
    }

    /// The standard input of this process. Not a byte is read before the guest asks for it.
    #[must_use]
    pub fn inherit() -> Self {
        Self(Source::Inherit)
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Source::Bytes(_) => "Input::bytes",
            Source::Reader(_) | Source::Channel(..) => "Input::reader",
            Source::Inherit => "Input::inherit",
            Source::Ended => "Input::empty",
        })
    }
}

/// Where a guest's standard output or error goes. A panic of a closure or a writer of the caller's ends the
/// call in which it happens with [`Error::Host`].
pub struct Output(pub(crate) Sink);

pub(crate) enum Sink {
    Discard,
    Capture(Vec<u8>),
    Writer(Box<dyn Write + Send>),
    Stdout,
    Stderr,
}

impl Output {
    /// Nowhere.
    #[must_use]
    pub fn discard() -> Self {
        Self(Sink::Discard)
    }

    /// Into memory, at most [`Limits::output`](crate::Limits::output) bytes; taken with
    /// [`take_stdout`](crate::Interpreter::take_stdout) or
    /// [`take_stderr`](crate::Interpreter::take_stderr). The default.
    #[must_use]
    pub fn capture() -> Self {
        Self(Sink::Capture(Vec::new()))
    }

    /// Into a writer, as it comes. A writer that blocks holds the guest up past its deadline.
    #[must_use]
    pub fn writer(writer: impl Write + Send + 'static) -> Self {
        Self(Sink::Writer(Box::new(writer)))
    }

    /// To a closure, line by line, without the line breaks; a line of more than 64 KiB in pieces. What
    /// has no line break at the end is told when the output is no longer used.
    #[must_use]
    pub fn lines(tell: impl FnMut(&str) + Send + 'static) -> Self {
        Self::writer(Lines { tell, line: Vec::new() })
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

/// The longest line that [`Output::lines`] tells in one piece.
const LINE: usize = 64 << 10;

struct Lines<F: FnMut(&str)> {
    tell: F,
    line: Vec<u8>,
}

impl<F: FnMut(&str)> Lines<F> {
    fn tell(&mut self) {
        // Taken first: what panics is not told again.
        let line = std::mem::take(&mut self.line);
        (self.tell)(&String::from_utf8_lossy(&line));
        self.line = line;
        self.line.clear();
    }
}

impl<F: FnMut(&str)> Write for Lines<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                Some(end) => {
                    self.line.extend_from_slice(end);
                    self.tell();
                }
                None => self.line.extend_from_slice(part),
            }
            if self.line.len() >= LINE {
                self.tell();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: FnMut(&str)> Drop for Lines<F> {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.tell();
        }
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Sink::Discard => "Output::discard",
            Sink::Capture(_) => "Output::capture",
            Sink::Writer(_) => "Output::writer",
            Sink::Stdout => "Output::inherit_stdout",
            Sink::Stderr => "Output::inherit_stderr",
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a descriptor becomes ready within `wait`; an error of the call counts as ready, so that
/// the operation itself reports it.
fn fd_ready(fd: BorrowedFd<'_>, flags: PollFlags, wait: Duration) -> bool {
    let timeout =
        Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: i64::from(wait.subsec_nanos()) };
    match poll(&mut [PollFd::new(&fd, flags)], Some(&timeout)) {
        Ok(ready) => ready > 0,
        Err(error) => error != rustix::io::Errno::INTR,
    }
}

/// A guest's standard input.
#[derive(Clone)]
pub(crate) struct Stdin {
    source: Arc<Mutex<Source>>,
    control: Arc<Control>,
}

impl Stdin {
    pub(crate) fn new(input: Input, control: Arc<Control>) -> Self {
        Self { source: Arc::new(Mutex::new(input.0)), control }
    }

    /// Whether a read would not wait.
    pub(crate) fn is_ready(&self) -> bool {
        let mut source = lock(&self.source);
        source.start();
        match &mut *source {
            Source::Inherit => fd_ready(io::stdin().as_fd(), PollFlags::IN, Duration::ZERO),
            Source::Channel(receiver, left) if left.is_empty() => match receiver.try_recv() {
                Ok(Ok(chunk)) => {
                    *left = chunk;
                    true
                }
                Ok(Err(_)) | Err(TryRecvError::Disconnected) => true,
                Err(TryRecvError::Empty) => false,
            },
            _ => true,
        }
    }

    /// Reads at most `size` bytes, waiting for the first; empty is the end of the file.
    fn wait_and_read(&self, size: usize) -> Result<Outcome, Stop> {
        let mut source = lock(&self.source);
        source.start();
        loop {
            self.control.check()?;
            if self.control.interrupt_pending() {
                return Ok(Outcome::Interrupted);
            }
            if let Some(outcome) = source.read_within(size, SLICE) {
                return Ok(outcome);
            }
        }
    }
}

enum Outcome {
    Read(Vec<u8>),
    Ended,
    Interrupted,
    Failed(io::Error),
}

impl Source {
    /// Starts the thread of a reader at the first use.
    fn start(&mut self) {
        let Self::Reader(reader) = self else { return };
        let Some(mut reader) = reader.take() else { return };
        let (sender, receiver) = sync_channel(1);
        let started = thread::Builder::new().name("ophidia-stdin".into()).spawn(move || {
            loop {
                let mut chunk = vec![0; CHUNK];
                let read = catch_unwind(AssertUnwindSafe(|| reader.read(&mut chunk)));
                let read = read.unwrap_or_else(|panic| {
                    Err(io::Error::other(panicked("the reader of standard input", &*panic)))
                });
                let read = read.map(|len| {
                    chunk.truncate(len);
                    chunk
                });
                let last = !matches!(&read, Ok(chunk) if !chunk.is_empty());
                if sender.send(read).is_err() || last {
                    return;
                }
            }
        });
        *self = match started {
            Ok(_) => Self::Channel(receiver, Vec::new()),
            Err(_) => Self::Ended,
        };
    }

    fn read_within(&mut self, size: usize, wait: Duration) -> Option<Outcome> {
        match self {
            Self::Ended | Self::Reader(_) => Some(Outcome::Ended),
            Self::Bytes(cursor) => Some(read_once(cursor, size)),
            Self::Inherit => {
                let stdin = io::stdin();
                if !fd_ready(stdin.as_fd(), PollFlags::IN, wait) {
                    return None;
                }
                let mut chunk = vec![0; size.min(CHUNK)];
                Some(match rustix::io::read(stdin.as_fd(), &mut *chunk) {
                    Ok(0) => Outcome::Ended,
                    Ok(len) => {
                        chunk.truncate(len);
                        Outcome::Read(chunk)
                    }
                    Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => return None,
                    Err(error) => Outcome::Failed(error.into()),
                })
            }
            Self::Channel(receiver, left) => {
                if left.is_empty() {
                    match receiver.recv_timeout(wait) {
                        Ok(Ok(chunk)) => *left = chunk,
                        Ok(Err(error)) => return Some(Outcome::Failed(error)),
                        Err(RecvTimeoutError::Timeout) => return None,
                        Err(RecvTimeoutError::Disconnected) => return Some(Outcome::Ended),
                    }
                }
                let rest = left.split_off(size.min(left.len()));
                let chunk = std::mem::replace(left, rest);
                Some(if chunk.is_empty() { Outcome::Ended } else { Outcome::Read(chunk) })
            }
        }
    }
}

fn read_once(reader: &mut impl Read, size: usize) -> Outcome {
    let mut chunk = vec![0; size.min(CHUNK)];
    match reader.read(&mut chunk) {
        Ok(0) => Outcome::Ended,
        Ok(len) => {
            chunk.truncate(len);
            Outcome::Read(chunk)
        }
        Err(error) => Outcome::Failed(error),
    }
}

#[async_trait::async_trait]
impl Pollable for Stdin {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl InputStream for Stdin {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match self.wait_and_read(size).map_err(|stop| StreamError::Trap(stop.into()))? {
            Outcome::Read(chunk) => Ok(chunk.into()),
            Outcome::Ended => Err(StreamError::Closed),
            Outcome::Interrupted => Ok(Bytes::new()),
            Outcome::Failed(error) => Err(match error.downcast::<Error>() {
                Ok(panic) => StreamError::Trap(panic.into()),
                Err(error) => StreamError::LastOperationFailed(error.into()),
            }),
        }
    }

    /// An empty answer means an interruption here, not a reason to try again.
    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.read(size)
    }
}

impl IsTerminal for Stdin {
    fn is_terminal(&self) -> bool {
        matches!(&*lock(&self.source), Source::Inherit) && isatty(io::stdin())
    }
}

impl StdinStream for Stdin {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(tokio::io::empty())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}

/// A guest's standard output or error.
#[derive(Clone)]
pub(crate) struct Stdout {
    sink: Arc<Mutex<Sink>>,
    control: Arc<Control>,
    limit: u64,
}

impl Stdout {
    pub(crate) fn new(output: Output, limit: u64, control: Arc<Control>) -> Self {
        Self { sink: Arc::new(Mutex::new(output.0)), control, limit }
    }

    /// What has been captured since this was last called; empty for other sinks.
    pub(crate) fn take(&self) -> Vec<u8> {
        match &mut *lock(&self.sink) {
            Sink::Capture(bytes) => std::mem::take(bytes),
            _ => Vec::new(),
        }
    }

    /// Sends what comes from now on elsewhere; gives where it went before.
    pub(crate) fn redirect(&self, output: Output) -> Output {
        Output(std::mem::replace(&mut lock(&self.sink), output.0))
    }

    /// The same, letting go of where it went: that may be told a last line.
    pub(crate) fn send_back(&self, output: Output) -> Result<(), Error> {
        let last = self.redirect(output);
        catch_unwind(AssertUnwindSafe(|| drop(last)))
            .map_err(|panic| panicked("the receiver of output", &*panic))
    }

    fn put(&self, bytes: &[u8]) -> StreamResult<()> {
        let failed = |error: io::Error| StreamError::LastOperationFailed(error.into());
        match &mut *lock(&self.sink) {
            Sink::Discard => Ok(()),
            Sink::Capture(captured) => {
                let total = captured.len().saturating_add(bytes.len());
                if u64::try_from(total).is_ok_and(|total| total <= self.limit) {
                    captured.extend_from_slice(bytes);
                    return Ok(());
                }
                let stop = Stop::Limit(LimitExceeded::Output { limit: self.limit });
                Err(StreamError::Trap(stop.into()))
            }
            Sink::Writer(writer) => {
                let write = || writer.write_all(bytes).and_then(|()| writer.flush());
                match catch_unwind(AssertUnwindSafe(write)) {
                    Ok(written) => written.map_err(failed),
                    Err(panic) => {
                        let reason = panicked("the receiver of output", &*panic);
                        Err(StreamError::Trap(reason.into()))
                    }
                }
            }
            Sink::Stdout => self.put_fd(io::stdout().as_fd(), bytes),
            Sink::Stderr => self.put_fd(io::stderr().as_fd(), bytes),
        }
    }

    /// Writes all of it; a pipe that is ready takes 4 KiB (`PIPE_BUF`) without waiting.
    fn put_fd(&self, fd: BorrowedFd<'_>, bytes: &[u8]) -> StreamResult<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let part = rest.get(..rest.len().min(4096)).unwrap_or(rest);
            if !fd_ready(fd, PollFlags::OUT, SLICE) {
                self.control.check().map_err(|stop| StreamError::Trap(stop.into()))?;
                if self.control.interrupt_pending() {
                    let error = io::Error::from(io::ErrorKind::Interrupted);
                    return Err(StreamError::LastOperationFailed(error.into()));
                }
                continue;
            }
            match rustix::io::write(fd, part) {
                Ok(len) => rest = rest.get(len..).unwrap_or_default(),
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(error) => {
                    return Err(StreamError::LastOperationFailed(io::Error::from(error).into()));
                }
            }
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Pollable for Stdout {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for Stdout {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.put(&bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE)
    }
}

impl IsTerminal for Stdout {
    fn is_terminal(&self) -> bool {
        match &*lock(&self.sink) {
            Sink::Stdout => isatty(io::stdout()),
            Sink::Stderr => isatty(io::stderr()),
            _ => false,
        }
    }
}

impl StdoutStream for Stdout {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}
