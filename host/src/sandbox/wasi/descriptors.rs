//! The table of descriptors: standard streams, granted folders, and what the guest has opened.

use super::errno::{Answer, Errno};
use super::input::Stdin;
use super::mounts::Position;
use super::output::Stdout;
use super::tree::File;
use crate::error::LimitExceeded;
use crate::sandbox::net::{Socket, Tls};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What a descriptor is of.
#[derive(Debug)]
pub(super) enum Descriptor {
    Input(Stdin),
    Output(Stdout),
    Folder(OpenFolder),
    File(OpenFile),
    Socket(Box<Socket>),
    Tls(Box<Tls>),
    /// What could not go along when the interpreter was forked or restored, and why. It keeps its number until the
    /// program closes it, so that nothing else comes to be under that.
    Lost(Arc<str>),
}

/// A folder, granted or opened.
#[derive(Debug)]
pub(super) struct OpenFolder {
    pub(super) position: Position,
    /// The path at which the guest sees it, or came to it.
    pub(super) path: Arc<str>,
    pub(super) granted: bool,
}

/// An open file.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) position: u64,
    /// The flags that the guest has asked for.
    pub(super) flags: u32,
    /// The path at which it was opened, as the guest named it.
    pub(super) path: Arc<str>,
}

impl Descriptor {
    /// Whether it counts: whatever the guest has opened itself.
    fn is_opened(&self) -> bool {
        match self {
            Self::File(_) | Self::Socket(_) | Self::Tls(_) | Self::Lost(_) => true,
            Self::Folder(folder) => !folder.granted,
            Self::Input(_) | Self::Output(_) => false,
        }
    }
}

/// Descriptors by number; a new one takes the lowest that is free, as on POSIX.
#[derive(Debug)]
pub(super) struct Descriptors {
    table: Vec<Option<Descriptor>>,
    opened: u32,
    most: u32,
    limit: u32,
    /// One more than the number of what was asked for last and is lost.
    met: AtomicU32,
}

impl Descriptors {
    /// What an interpreter begins with, and how many more the guest may open.
    pub(super) fn new(first: impl IntoIterator<Item = Descriptor>, limit: u32) -> Self {
        Self {
            table: first.into_iter().map(Some).collect(),
            opened: 0,
            most: 0,
            limit,
            met: AtomicU32::new(0),
        }
    }

    /// How many the guest has open, and has had at once.
    pub(super) fn opened(&self) -> (u32, u32) {
        (self.opened, self.most)
    }

    /// Whether there is room for one more.
    pub(super) fn room(&self) -> Answer {
        if self.opened < self.limit { Ok(()) } else { Err(Errno::TooManyFiles.into()) }
    }

    pub(super) fn insert(&mut self, descriptor: Descriptor) -> Answer<u32> {
        self.room()?;
        let free = self.table.iter().position(Option::is_none).unwrap_or(self.table.len());
        let number = u32::try_from(free).map_err(|_| Errno::TooManyFiles)?;
        self.opened += u32::from(descriptor.is_opened());
        self.most = self.most.max(self.opened);
        match self.table.get_mut(free) {
            Some(slot) => *slot = Some(descriptor),
            None => self.table.push(Some(descriptor)),
        }
        Ok(number)
    }

    fn slot(&mut self, number: u32) -> Answer<&mut Option<Descriptor>> {
        self.meet(number);
        let slot = usize::try_from(number).ok().and_then(|at| self.table.get_mut(at));
        Ok(slot.filter(|slot| slot.is_some()).ok_or(Errno::BadDescriptor)?)
    }

    /// Notes that what has this number was asked for, if it is lost.
    fn meet(&self, number: u32) {
        let at = usize::try_from(number).ok();
        if let Some(Some(Descriptor::Lost(_))) = at.and_then(|at| self.table.get(at)) {
            self.met.store(number.wrapping_add(1), Ordering::Relaxed);
        }
    }

    /// Why what was asked for is lost, once.
    pub(super) fn take_met(&mut self) -> Option<Arc<str>> {
        let number = std::mem::take(self.met.get_mut()).checked_sub(1)?;
        match self.table.get(usize::try_from(number).ok()?)? {
            Some(Descriptor::Lost(why)) => Some(Arc::clone(why)),
            _ => None,
        }
    }

    pub(super) fn remove(&mut self, number: u32) -> Answer<Descriptor> {
        let removed = self.slot(number)?.take().ok_or(Errno::BadDescriptor)?;
        self.opened -= u32::from(removed.is_opened());
        Ok(removed)
    }

    /// Closes `onto` and gives its number to what `from` was.
    pub(super) fn renumber(&mut self, from: u32, onto: u32) -> Answer {
        self.slot(from)?;
        self.slot(onto)?;
        if from == onto {
            return Ok(());
        }
        self.remove(onto)?;
        let moved = self.slot(from)?.take();
        // The slot is there and empty: it was closed a moment ago.
        if let Some(slot) = usize::try_from(onto).ok().and_then(|at| self.table.get_mut(at)) {
            *slot = moved;
        }
        Ok(())
    }

    pub(super) fn get(&self, number: u32) -> Answer<&Descriptor> {
        self.meet(number);
        let slot = usize::try_from(number).ok().and_then(|at| self.table.get(at));
        Ok(slot.and_then(Option::as_ref).ok_or(Errno::BadDescriptor)?)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Answer<&mut Descriptor> {
        Ok(self.slot(number)?.as_mut().ok_or(Errno::BadDescriptor)?)
    }

    /// Two that differ.
    pub(super) fn two_mut(
        &mut self,
        one: u32,
        other: u32,
    ) -> Answer<(&mut Descriptor, &mut Descriptor)> {
        let at = |number| usize::try_from(number).map_err(|_| Errno::BadDescriptor);
        let both = self.table.get_disjoint_mut([at(one)?, at(other)?]);
        match both.map_err(|_| Errno::BadDescriptor)? {
            [Some(one), Some(other)] => Ok((one, other)),
            _ => Err(Errno::BadDescriptor.into()),
        }
    }

    pub(super) fn folder(&self, number: u32) -> Answer<&OpenFolder> {
        match self.get(number)? {
            Descriptor::Folder(folder) => Ok(folder),
            _ => Err(Errno::BadDescriptor.into()),
        }
    }

    pub(super) fn file(&self, number: u32) -> Answer<&OpenFile> {
        match self.get(number)? {
            Descriptor::File(file) => Ok(file),
            _ => Err(Errno::BadDescriptor.into()),
        }
    }

    pub(super) fn file_mut(&mut self, number: u32) -> Answer<&mut OpenFile> {
        match self.get_mut(number)? {
            Descriptor::File(file) => Ok(file),
            _ => Err(Errno::BadDescriptor.into()),
        }
    }

    /// A file whose position can be asked for or set.
    pub(super) fn seekable(&mut self, number: u32) -> Answer<&mut OpenFile> {
        match self.get_mut(number)? {
            Descriptor::File(file) => Ok(file),
            Descriptor::Input(_) | Descriptor::Output(_) | Descriptor::Socket(_) => {
                Err(Errno::NoSeek.into())
            }
            Descriptor::Folder(_) | Descriptor::Tls(_) | Descriptor::Lost(_) => {
                Err(Errno::BadDescriptor.into())
            }
        }
    }

    /// All of them, by number.
    pub(super) fn all(&self) -> impl Iterator<Item = Option<&Descriptor>> {
        self.table.iter().map(Option::as_ref)
    }

    /// These and no others; fails where the guest may not have so many.
    pub(super) fn replace(&mut self, all: Vec<Option<Descriptor>>) -> Result<(), LimitExceeded> {
        let opened = all.iter().flatten().filter(|descriptor| descriptor.is_opened()).count();
        let opened = u32::try_from(opened).unwrap_or(u32::MAX);
        if opened > self.limit {
            return Err(LimitExceeded::Files { asked: opened.into(), limit: self.limit });
        }
        (self.table, self.opened, self.most) = (all, opened, opened);
        Ok(())
    }
}
