//! Exit statuses: what each means, and the table that `--help` shows.

/// What the process ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(u8);

impl Status {
    pub(crate) const SUCCESS: Self = Self(0);
    pub(crate) const EXCEPTION: Self = Self(1);
    pub(crate) const USAGE: Self = Self(2);
    pub(crate) const UNFLUSHED: Self = Self(120);
    pub(crate) const TIMEOUT: Self = Self(124);
    pub(crate) const LIMIT: Self = Self(125);
    pub(crate) const FAILURE: Self = Self(126);
    pub(crate) const INTERRUPTED: Self = Self(130);

    /// The status of a program that ended itself: its low eight bits, as the system takes them.
    pub(crate) fn of_program(status: i64) -> Self {
        Self(status.to_le_bytes()[0])
    }

    /// The status of a map, as GNU parallel has it: how many failed, and 101 for more than 100.
    pub(crate) fn of_failures(count: u64) -> Self {
        Self(u8::try_from(count).unwrap_or(u8::MAX).min(101))
    }

    /// The same, but for a success where something could not be written.
    pub(crate) fn or_unflushed(self) -> Self {
        if self == Self::SUCCESS { Self::UNFLUSHED } else { self }
    }

    pub(crate) fn code(self) -> i32 {
        self.0.into()
    }
}

/// The table in `--help`.
pub(crate) const TABLE: &str = "\
Exit statuses:
  0    the program ran to its end
  1    an exception was not caught (its traceback is on standard error)
  2    the command cannot be carried out as given: an option, a path
  120  the last output could not be written, as with python3, or a file of --out
  124  --timeout fired, or --cpu
  125  --memory or another limit fired
  126  the guest or the host failed
  130  interrupted with Ctrl-C
  n    the program's own, from sys.exit(n)
A program may choose one of these numbers itself; the fields `status` and `stopped_by` of --json
tell which it was.";
