//! Two sockets that are connected to each other, in memory: what wakes an event loop from within.

use super::Fault;
use crate::sandbox::holding::{Held, Holding};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// Bytes that one direction holds.
const ROOM: usize = 64 << 10;

#[derive(Debug)]
struct Pipe {
    bytes: VecDeque<u8>,
    held: Held,
    /// Nothing more is written.
    ended: bool,
    /// Nobody reads.
    closed: bool,
}

/// One of the two.
#[derive(Debug)]
pub(super) struct End {
    from: Arc<Mutex<Pipe>>,
    to: Arc<Mutex<Pipe>>,
}

/// Both, whose bytes count in this account.
pub(super) fn pair(holding: &Arc<Holding>) -> (End, End) {
    let pipe = || {
        let held = Held::none(holding);
        Arc::new(Mutex::new(Pipe { bytes: VecDeque::new(), held, ended: false, closed: false }))
    };
    let (one, other) = (pipe(), pipe());
    (End { from: Arc::clone(&one), to: Arc::clone(&other) }, End { from: other, to: one })
}

impl End {
    pub(super) fn receive(&self, bytes: &mut [u8], peek: bool) -> Result<usize, Fault> {
        let mut pipe = self.from.lock();
        if pipe.bytes.is_empty() && !pipe.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = bytes.len().min(pipe.bytes.len());
        for (to, from) in bytes.iter_mut().zip(pipe.bytes.iter()) {
            *to = *from;
        }
        if !peek {
            pipe.bytes.drain(..count);
            pipe.held.shrink(count as u64);
        }
        Ok(count)
    }

    pub(super) fn send(&self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut pipe = self.to.lock();
        if pipe.closed || pipe.ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(ROOM.saturating_sub(pipe.bytes.len()));
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let held = pipe.held.grow(count as u64);
        let count = usize::try_from(held).unwrap_or(count).min(count);
        if count == 0 && !bytes.is_empty() {
            return Err(rustix::io::Errno::NOBUFS.into());
        }
        pipe.bytes.extend(bytes.iter().take(count));
        Ok(count)
    }

    pub(super) fn can_receive(&self) -> bool {
        let pipe = self.from.lock();
        !pipe.bytes.is_empty() || pipe.ended
    }

    pub(super) fn can_send(&self) -> bool {
        let pipe = self.to.lock();
        pipe.closed || pipe.ended || pipe.bytes.len() < ROOM
    }

    pub(super) fn shut_down(&self, read: bool, write: bool) {
        if read {
            let mut pipe = self.from.lock();
            pipe.closed = true;
            pipe.ended = true;
        }
        if write {
            self.to.lock().ended = true;
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.shut_down(true, true);
    }
}
