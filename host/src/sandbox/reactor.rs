//! What wakes interpreters at rest: timers, and descriptors of the host that become ready.

use super::wasi::Watched;
use crate::error::{Error, Result};
use rustix::event::PollFlags;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::{Sleep, sleep_until};

/// One thread that waits for all interpreters of a runtime; there is none until the first has to wait.
#[derive(Debug, Default)]
pub(crate) struct Reactor(OnceLock<Runtime>);

impl Reactor {
    fn handle(&self) -> Result<&Handle> {
        if let Some(runtime) = self.0.get() {
            return Ok(runtime.handle());
        }
        let made = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("ophidia-waits")
            .enable_all()
            .build()
            .map_err(|error| {
                Error::host(format!("no thread to wait with: {error}")).because(error)
            })?;
        // Another thread may have made one meanwhile.
        if let Err(second) = self.0.set(made) {
            second.shutdown_background();
        }
        self.0.get().map(Runtime::handle).ok_or_else(|| Error::host("no thread to wait with"))
    }

    /// Waits for descriptors, and until an instant.
    pub(crate) fn wait(&self, watched: Watched, until: Option<Instant>) -> Result<Waiting> {
        let Watched { fds, until: other } = watched;
        let until = [until, other].into_iter().flatten().min();
        if fds.is_empty() && until.is_none() {
            return Ok(Waiting { sleep: None, fds: Vec::new() });
        }
        let _inside = self.handle()?.enter();
        // Whatever they are: a stream of tokio's is a descriptor that can be watched.
        let watch = |(fd, flags): (OwnedFd, _)| Ok((TcpStream::from_std(fd.into())?, flags));
        let fds = fds.into_iter().map(watch).collect::<io::Result<_>>();
        let fds = fds.map_err(|error| {
            Error::host(format!("a socket cannot be watched: {error}")).because(error)
        })?;
        let sleep = until.map(|until| Box::pin(sleep_until(until.into())));
        Ok(Waiting { sleep, fds })
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        // It may be dropped where nothing may block.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Something that is waited for.
pub(crate) struct Waiting {
    sleep: Option<Pin<Box<Sleep>>>,
    fds: Vec<(TcpStream, PollFlags)>,
}

impl Waiting {
    /// Whether any of it is there.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let elapsed =
            self.sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(context).is_ready());
        let mut ready = false;
        for (fd, flags) in &self.fds {
            ready |= flags.contains(PollFlags::IN) && fd.poll_read_ready(context).is_ready();
            ready |= flags.contains(PollFlags::OUT) && fd.poll_write_ready(context).is_ready();
        }
        if elapsed || ready { Poll::Ready(()) } else { Poll::Pending }
    }
}
