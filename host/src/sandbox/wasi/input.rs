//! Standard input: where a guest's comes from, and waiting for it.

use super::errno::{Answer, Errno};
use crate::error::{Error, panicked};
use crate::sandbox::control::{Control, Stop, Wake, is_ready};
use rustix::event::PollFlags;
use rustix::termios::isatty;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;
use std::time::Instant;

/// Bytes taken from a reader at a time.
const CHUNK: usize = 8192;

/// Where a guest's standard input comes from.
pub struct Input(Source);

enum Source {
    Bytes(io::Cursor<Vec<u8>>),
    Reader(Option<Box<dyn Read + Send>>),
    Channel(Channel),
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

/// What input comes by.
pub(super) enum InputWait<'a> {
    Descriptor(BorrowedFd<'a>),
    /// A thread that reads, and sets this.
    Thread(&'a AtomicBool),
    Nothing,
}

/// A guest's standard input.
#[derive(Debug)]
pub(crate) struct Stdin(Input);

impl Stdin {
    pub(crate) fn new(input: Input) -> Self {
        Self(input)
    }

    /// Where a copy of the guest reads from by itself: bytes from where this one is, or the process' own. A reader has
    /// one who reads it, so there is nothing of it.
    pub(crate) fn branch(&self) -> Input {
        Input(match &self.0.0 {
            Source::Bytes(bytes) => Source::Bytes(bytes.clone()),
            Source::Inherit => Source::Inherit,
            Source::Reader(_) | Source::Channel(_) | Source::Ended => Source::Ended,
        })
    }

    pub(super) fn is_terminal(&self) -> bool {
        matches!(self.0.0, Source::Inherit) && isatty(io::stdin())
    }

    /// Whether a read would not wait.
    pub(super) fn is_ready(&mut self, control: &Arc<Control>) -> bool {
        let source = &mut self.0.0;
        source.start(control);
        match source {
            Source::Inherit => is_ready(io::stdin().as_fd(), PollFlags::IN),
            Source::Channel(channel) => channel.is_ready(),
            Source::Bytes(_) | Source::Reader(_) | Source::Ended => true,
        }
    }

    /// What a read waits for that would have to.
    pub(super) fn waits_for(&self) -> InputWait<'_> {
        match &self.0.0 {
            Source::Inherit => InputWait::Descriptor(rustix::stdio::stdin()),
            Source::Channel(channel) => InputWait::Thread(&channel.arrived),
            Source::Bytes(_) | Source::Reader(_) | Source::Ended => InputWait::Nothing,
        }
    }

    /// Waits until a read would not wait, or until `until`.
    pub(super) fn wait(&self, control: &Control, until: Option<Instant>) -> Result<Wake, Stop> {
        match &self.0.0 {
            Source::Inherit => {
                control.wait_for_descriptor(io::stdin().as_fd(), PollFlags::IN, until)
            }
            Source::Channel(channel) => {
                control.wait_for(until, || channel.arrived.load(Ordering::Acquire))
            }
            Source::Bytes(_) | Source::Reader(_) | Source::Ended => Ok(Wake::Elapsed),
        }
    }

    /// Reads what there is, waiting for the first byte; nothing is the end of the file.
    pub(super) fn read(&mut self, control: &Arc<Control>, bytes: &mut [u8]) -> Answer<usize> {
        loop {
            control.check()?;
            if control.interrupt_pending() {
                return Err(Errno::Interrupted.into());
            }
            if self.is_ready(control)
                && let Some(read) = self.0.0.read(bytes)?
            {
                return Ok(read);
            }
            self.wait(control, None)?;
        }
    }
}

impl Source {
    /// Starts the thread of a reader at the first use.
    fn start(&mut self, control: &Arc<Control>) {
        let Self::Reader(reader) = self else { return };
        let Some(reader) = reader.take() else { return };
        *self = match Channel::start(reader, Arc::clone(control)) {
            Ok(channel) => Self::Channel(channel),
            Err(_) => Self::Ended,
        };
    }

    /// Reads without waiting; `None` when nothing was there after all.
    fn read(&mut self, bytes: &mut [u8]) -> Answer<Option<usize>> {
        match self {
            Self::Ended | Self::Reader(_) => Ok(Some(0)),
            Self::Bytes(cursor) => Ok(Some(cursor.read(bytes)?)),
            Self::Inherit => match rustix::io::read(io::stdin().as_fd(), bytes) {
                Ok(read) => Ok(Some(read)),
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(None),
                Err(error) => Err(error.into()),
            },
            Self::Channel(channel) => channel.read(bytes),
        }
    }
}

/// A reader on a thread of its own.
struct Channel {
    chunks: Receiver<io::Result<Vec<u8>>>,
    /// Set, and the control woken, after anything was sent and when no more will be.
    arrived: Arc<AtomicBool>,
    chunk: io::Cursor<Vec<u8>>,
    failed: Option<io::Error>,
    ended: bool,
}

impl Channel {
    fn start(mut reader: Box<dyn Read + Send>, control: Arc<Control>) -> io::Result<Self> {
        let (sender, chunks) = sync_channel(1);
        let arrived = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&arrived);
        let tell = move || {
            flag.store(true, Ordering::Release);
            control.wake();
        };
        thread::Builder::new().name("ophidia-stdin".into()).spawn(move || {
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
                    break;
                }
                tell();
            }
            drop(sender);
            tell();
        })?;
        Ok(Self { chunks, arrived, chunk: io::Cursor::default(), failed: None, ended: false })
    }

    fn is_empty(&self) -> bool {
        self.chunk.position() >= self.chunk.get_ref().len() as u64
    }

    fn is_ready(&mut self) -> bool {
        // Before it is looked: what comes afterwards sets it again.
        self.arrived.store(false, Ordering::Release);
        if self.is_empty() && self.failed.is_none() && !self.ended {
            match self.chunks.try_recv() {
                Ok(Ok(chunk)) if chunk.is_empty() => self.ended = true,
                Ok(Ok(chunk)) => self.chunk = io::Cursor::new(chunk),
                Ok(Err(error)) => self.failed = Some(error),
                Err(TryRecvError::Disconnected) => self.ended = true,
                Err(TryRecvError::Empty) => return false,
            }
        }
        true
    }

    fn read(&mut self, bytes: &mut [u8]) -> Answer<Option<usize>> {
        if let Some(error) = self.failed.take() {
            return Err(match error.downcast::<Error>() {
                Ok(panic) => panic.into(),
                Err(error) => Errno::of(&error).into(),
            });
        }
        if self.is_empty() && !self.ended {
            return Ok(None);
        }
        Ok(Some(self.chunk.read(bytes)?))
    }
}
