//! What the guest holds of the host, by number.

use crate::error::{ConversionError, Error, LimitExceeded, Result};
use crate::value::HostObject;

/// A value of the host that the guest holds: a function, which only a layer above can call, or an object.
#[derive(Clone, Debug)]
pub(crate) enum Exported {
    Function(HostObject),
    Object(HostObject),
}

/// All that the guest holds of the host, by number. The guest may name any number: it reaches nothing
/// but what it was given.
#[derive(Debug)]
pub(crate) struct Table {
    entries: Vec<Option<Exported>>,
    free: Vec<u32>,
    limit: u32,
}

impl Table {
    pub(crate) fn new(limit: u32) -> Self {
        Self { entries: Vec::new(), free: Vec::new(), limit }
    }

    /// How many the guest holds, and has held at once.
    pub(crate) fn held(&self) -> (u32, u32) {
        let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
        (number(self.entries.len() - self.free.len()), number(self.entries.len()))
    }

    /// What each number stands for, as another interpreter begins with it.
    pub(crate) fn entries(&self) -> &[Option<Exported>] {
        &self.entries
    }

    /// A table of these, which another interpreter holds as well.
    pub(crate) fn of(entries: Vec<Option<Exported>>, limit: u32) -> Result<Self, LimitExceeded> {
        let held = entries.iter().flatten().count() as u64;
        if held > u64::from(limit) {
            return Err(LimitExceeded::HostObjects { asked: held, limit });
        }
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let free = (0..entries.len()).filter(|at| matches!(entries.get(*at), Some(None)));
        let free = free.map(number).collect();
        Ok(Self { entries, free, limit })
    }

    pub(crate) fn insert(&mut self, what: Exported) -> Result<u32, ConversionError> {
        if let Some(number) = self.free.pop()
            && let Some(entry) = self.entries.get_mut(number as usize)
        {
            *entry = Some(what);
            return Ok(number);
        }
        let number = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        if number >= self.limit {
            let asked = u64::from(number) + 1;
            let limit = LimitExceeded::HostObjects { asked, limit: self.limit };
            return Err(ConversionError::of_limit(limit));
        }
        self.entries.push(Some(what));
        Ok(number)
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<Exported> {
        let what = self.entries.get_mut(number as usize)?.take()?;
        self.free.push(number);
        Some(what)
    }

    fn get(&self, number: u32) -> Option<&Exported> {
        self.entries.get(number as usize)?.as_ref()
    }

    pub(crate) fn object(&self, number: u32) -> Result<HostObject> {
        match self.get(number) {
            Some(Exported::Object(object)) => Ok(object.clone()),
            _ => Err(Error::GuestFault(format!("{number} is no object of the host"))),
        }
    }

    pub(crate) fn function(&self, number: u32) -> Result<HostObject> {
        match self.get(number) {
            Some(Exported::Function(function)) => Ok(function.clone()),
            _ => Err(Error::GuestFault(format!("{number} is no function of the host"))),
        }
    }
}
