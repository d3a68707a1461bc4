//! The table of descriptors: standard streams, granted folders, and what the guest has opened.

use super::errno::{Answer, Errno, Failure};
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

/// No number is higher.
const MOST_NUMBERS: u32 = 1 << 16;

/// Numbers that a guest has without having opened anything.
const FIRST: u32 = 4;

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

/// A descriptor, and how many numbers it has: more than one after it was duplicated.
#[derive(Debug)]
struct Shared {
    descriptor: Descriptor,
    numbers: u32,
}

/// What one number of a table is, where the whole table is told or replaced.
#[derive(Debug)]
pub(super) enum Numbered<T> {
    Is(T),
    /// The same as this lower number.
    Same(u32),
}

/// Descriptors by number; a new one takes the lowest that is free, as on POSIX.
#[derive(Debug)]
pub(super) struct Descriptors {
    /// By number, where it is in `shared`.
    table: Vec<Option<usize>>,
    shared: Vec<Option<Shared>>,
    opened: u32,
    most: u32,
    limit: u32,
    /// One more than the number of what was asked for last and is lost.
    met: AtomicU32,
}

impl Descriptors {
    /// What an interpreter begins with, and how many more the guest may open.
    pub(super) fn new(first: impl IntoIterator<Item = Descriptor>, limit: u32) -> Self {
        let one = |descriptor| Some(Shared { descriptor, numbers: 1 });
        let shared: Vec<_> = first.into_iter().map(one).collect();
        Self {
            table: (0..shared.len()).map(Some).collect(),
            shared,
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
        if self.opened < self.limit {
            return Ok(());
        }
        let limit = self.limit;
        let said =
            format!("limit files: {limit} open at once allowed (raise it, or close some first)");
        Err(Failure::refused(Errno::TooManyFiles, said))
    }

    pub(super) fn insert(&mut self, descriptor: Descriptor) -> Answer<u32> {
        self.room()?;
        let opened = descriptor.is_opened();
        let place = self.place(Shared { descriptor, numbers: 1 });
        self.count(opened);
        self.number(place)
    }

    /// Puts it where there is room.
    fn place(&mut self, shared: Shared) -> usize {
        let free = self.shared.iter().position(Option::is_none).unwrap_or(self.shared.len());
        match self.shared.get_mut(free) {
            Some(slot) => *slot = Some(shared),
            None => self.shared.push(Some(shared)),
        }
        free
    }

    /// The lowest number that is free is now that of what is there.
    fn number(&mut self, place: usize) -> Answer<u32> {
        let free = self.table.iter().position(Option::is_none).unwrap_or(self.table.len());
        match self.table.get_mut(free) {
            Some(slot) => *slot = Some(place),
            None => self.table.push(Some(place)),
        }
        Ok(u32::try_from(free).map_err(|_| Errno::TooManyFiles)?)
    }

    fn count(&mut self, opened: bool) {
        self.opened += u32::from(opened);
        self.most = self.most.max(self.opened);
    }

    /// Where what has this number is.
    fn at(&self, number: u32) -> Answer<usize> {
        self.meet(number);
        let place = usize::try_from(number).ok().and_then(|at| self.table.get(at));
        Ok(place.copied().flatten().ok_or(Errno::BadDescriptor)?)
    }

    /// Notes that what has this number was asked for, if it is lost.
    fn meet(&self, number: u32) {
        if let Some(Descriptor::Lost(_)) = self.peek(number) {
            self.met.store(number.wrapping_add(1), Ordering::Relaxed);
        }
    }

    /// Why what was asked for is lost, once.
    pub(super) fn take_met(&mut self) -> Option<Arc<str>> {
        let number = std::mem::take(self.met.get_mut()).checked_sub(1)?;
        match self.peek(number)? {
            Descriptor::Lost(why) => Some(Arc::clone(why)),
            _ => None,
        }
    }

    fn peek(&self, number: u32) -> Option<&Descriptor> {
        let place = (*self.table.get(usize::try_from(number).ok()?)?)?;
        Some(&self.shared.get(place)?.as_ref()?.descriptor)
    }

    /// Closes a number; gives what it was the last number of.
    pub(super) fn remove(&mut self, number: u32) -> Answer<Option<Descriptor>> {
        let place = self.at(number)?;
        self.clear(number);
        let slot = self.shared.get_mut(place).ok_or(Errno::BadDescriptor)?;
        let shared = slot.as_mut().ok_or(Errno::BadDescriptor)?;
        shared.numbers -= 1;
        if shared.numbers > 0 {
            self.opened -= 1;
            return Ok(None);
        }
        let removed = slot.take().map(|shared| shared.descriptor);
        self.opened -= u32::from(removed.as_ref().is_some_and(Descriptor::is_opened));
        Ok(removed)
    }

    fn clear(&mut self, number: u32) {
        if let Some(slot) = usize::try_from(number).ok().and_then(|at| self.table.get_mut(at)) {
            *slot = None;
        }
    }

    /// Closes `onto` and gives its number to what `from` was.
    pub(super) fn renumber(&mut self, from: u32, onto: u32) -> Answer {
        let moved = self.at(from)?;
        self.at(onto)?;
        if from == onto {
            return Ok(());
        }
        self.remove(onto)?;
        self.clear(from);
        self.table_at(onto, moved)
    }

    fn table_at(&mut self, number: u32, place: usize) -> Answer {
        let at = usize::try_from(number).map_err(|_| Errno::BadDescriptor)?;
        if self.table.len() <= at {
            self.table.resize(at + 1, None);
        }
        *self.table.get_mut(at).ok_or(Errno::BadDescriptor)? = Some(place);
        Ok(())
    }

    /// Gives what `from` is one more number: the lowest that is free, or `onto`, which is closed first. Both share
    /// what there is to it, the position in a file too. Each number but the first counts.
    pub(super) fn duplicate(&mut self, from: u32, onto: Option<u32>) -> Answer<u32> {
        let place = self.at(from)?;
        match onto {
            Some(onto) if onto == from => return Ok(onto),
            // No number is higher than all that may be open can come to.
            Some(onto) if onto >= self.limit.saturating_add(FIRST).min(MOST_NUMBERS) => {
                return Err(Errno::BadDescriptor.into());
            }
            Some(onto) if self.at(onto).is_ok() => drop(self.remove(onto)?),
            _ => {}
        }
        self.room()?;
        let shared = self.shared.get_mut(place).and_then(Option::as_mut);
        shared.ok_or(Errno::BadDescriptor)?.numbers += 1;
        self.count(true);
        match onto {
            Some(onto) => self.table_at(onto, place).map(|()| onto),
            None => self.number(place),
        }
    }

    pub(super) fn get(&self, number: u32) -> Answer<&Descriptor> {
        self.meet(number);
        Ok(self.peek(number).ok_or(Errno::BadDescriptor)?)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Answer<&mut Descriptor> {
        let place = self.at(number)?;
        let shared = self.shared.get_mut(place).and_then(Option::as_mut);
        Ok(&mut shared.ok_or(Errno::BadDescriptor)?.descriptor)
    }

    /// Two that differ.
    pub(super) fn two_mut(
        &mut self,
        one: u32,
        other: u32,
    ) -> Answer<(&mut Descriptor, &mut Descriptor)> {
        let both = [self.at(one)?, self.at(other)?];
        match self.shared.get_disjoint_mut(both).map_err(|_| Errno::BadDescriptor)? {
            [Some(one), Some(other)] => Ok((&mut one.descriptor, &mut other.descriptor)),
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
    pub(super) fn all(&self) -> impl Iterator<Item = Option<Numbered<&Descriptor>>> {
        (0u32..).zip(&self.table).map(|(number, place)| {
            let first = self.table.iter().position(|other| other == place)?;
            let first = u32::try_from(first).ok()?;
            place.as_ref()?;
            match first < number {
                true => Some(Numbered::Same(first)),
                false => self.peek(number).map(Numbered::Is),
            }
        })
    }

    /// Each once.
    pub(super) fn each(&self) -> impl Iterator<Item = &Descriptor> {
        self.shared.iter().flatten().map(|shared| &shared.descriptor)
    }

    /// These and no others; fails where the guest may not have so many. A number that is said to be the same as one that
    /// is none is free.
    pub(super) fn replace(
        &mut self,
        all: Vec<Option<Numbered<Descriptor>>>,
    ) -> Result<(), LimitExceeded> {
        let (mut table, mut shared) = (Vec::with_capacity(all.len()), Vec::new());
        let mut opened = 0_u32;
        for one in all {
            table.push(match one {
                None => None,
                Some(Numbered::Is(descriptor)) => {
                    opened += u32::from(descriptor.is_opened());
                    shared.push(Some(Shared { descriptor, numbers: 1 }));
                    Some(shared.len() - 1)
                }
                Some(Numbered::Same(number)) => {
                    let first = usize::try_from(number).ok().and_then(|at| table.get(at));
                    let place: Option<usize> = first.copied().flatten();
                    if let Some(Some(of)) = place.and_then(|place| shared.get_mut(place)) {
                        of.numbers += 1;
                        opened += 1;
                    }
                    place
                }
            });
        }
        if opened > self.limit {
            return Err(LimitExceeded::Files { asked: opened.into(), limit: self.limit });
        }
        (self.table, self.shared, self.opened, self.most) = (table, shared, opened, opened);
        Ok(())
    }
}
