//! Names of tasklets, wherever they live.

use std::fmt;

/// Names a tasklet: `ophidia.tasklets.Pid` in Python.
///
/// It is data, and means the same in every interpreter of a group. The number of its domain is never used again, so one
/// of an interpreter that has ended names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid {
    /// The interpreter that it lives in, among those of a group; 0 in an interpreter that is in none.
    pub domain: u64,
    /// Its place in the table there.
    pub index: u32,
    /// How often that place was used before.
    pub generation: u32,
}

/// Names a monitor, a timer or a call: `ophidia.tasklets.Ref` in Python. No two are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ref {
    /// Where it was made, as of a [`Pid`].
    pub domain: u64,
    /// Its number there.
    pub number: u64,
}

impl fmt::Display for Pid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<pid {}.{}.{}>", self.domain, self.index, self.generation)
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<ref {}.{}>", self.domain, self.number)
    }
}
