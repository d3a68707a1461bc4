//! Error numbers of WASI preview 1, and what ends a call of it.

use crate::error::Error;
use crate::sandbox::control::Stop;
use std::borrow::Cow;
use std::io::{self, ErrorKind};

/// What a call answers; anything but an answer is an error number, or ends the running operation.
pub(super) type Answer<T = ()> = Result<T, Failure>;

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The guest is told.
    Errno(Errno),
    /// The guest is told, and which rule it was.
    Refused(Box<Refusal>),
    /// The guest is not asked any more: the deadline, a wild pointer, a panic of the caller's code.
    Stop(wasmtime::Error),
}

/// What a rule forbids.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) errno: Errno,
    /// The rule, and the way out.
    pub(super) said: Cow<'static, str>,
}

/// Of a path, or a link on it, that leads above the folder that it began in.
const LEADS_OUT: &str = "leads out of what is granted: use a relative link, and grant a folder that holds both the link and \
                         where it leads";

/// Of what may be read and not changed.
const NOT_WRITABLE: &str =
    "not granted for writing: grant the folder with read-write access, or write to /tmp";

/// Of what is below no tree.
const NOT_GRANTED: &str = "nothing is granted at this path: grant a folder, a file or a tree there";

/// The numbers that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Errno {
    Access = 2,
    AddressInUse = 3,
    NoAddress = 4,
    NoFamily = 5,
    Again = 6,
    Already = 7,
    BadDescriptor = 8,
    Busy = 10,
    Aborted = 13,
    Refused = 14,
    Reset = 15,
    Deadlock = 16,
    Quota = 19,
    Exists = 20,
    Fault = 21,
    TooBig = 22,
    HostUnreachable = 23,
    IllegalBytes = 25,
    InProgress = 26,
    Interrupted = 27,
    Invalid = 28,
    Io = 29,
    IsConnected = 30,
    IsFolder = 31,
    Loop = 32,
    TooManyFiles = 33,
    TooManyLinks = 34,
    NameTooLong = 37,
    NetworkDown = 38,
    NetworkReset = 39,
    NetworkUnreachable = 40,
    SystemFiles = 41,
    NoDevice = 43,
    NoEntry = 44,
    NoLock = 46,
    NoMemory = 48,
    NoSpace = 51,
    NoSystemCall = 52,
    NotConnected = 53,
    NotFolder = 54,
    NotEmpty = 55,
    NotSocket = 57,
    NotSupported = 58,
    NotTerminal = 59,
    NoSuchDevice = 60,
    Overflow = 61,
    NotPermitted = 63,
    BrokenPipe = 64,
    Protocol = 65,
    ReadOnly = 69,
    NoSeek = 70,
    Stale = 72,
    TimedOut = 73,
    TextBusy = 74,
    OtherDevice = 75,
}

impl Failure {
    /// A number, with the rule and the way out.
    pub(super) fn refused(errno: Errno, said: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused(Box::new(Refusal { errno, said: said.into() }))
    }

    /// That something is granted for reading alone.
    pub(super) fn not_writable() -> Self {
        Self::refused(Errno::NotPermitted, NOT_WRITABLE)
    }

    /// That a path is below no tree: nothing is there, or nothing can be made there.
    pub(super) fn not_granted(errno: Errno) -> Self {
        Self::refused(errno, NOT_GRANTED)
    }

    /// That a path leads out of what it is looked up in.
    pub(super) fn escape() -> Self {
        Self::refused(Errno::NotPermitted, LEADS_OUT)
    }

    /// Its number, if the guest is told one.
    pub(super) fn errno(&self) -> Option<Errno> {
        match self {
            Self::Errno(errno) => Some(*errno),
            Self::Refused(refusal) => Some(refusal.errno),
            Self::Stop(_) => None,
        }
    }

    /// What it says of something that is not there as it was.
    pub(super) fn said(&self) -> String {
        match self {
            Self::Errno(errno) => errno.told().1,
            Self::Refused(refusal) => refusal.said.clone().into_owned(),
            Self::Stop(stop) => stop.to_string(),
        }
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Stop(error.into())
    }
}

impl From<io::Error> for Failure {
    /// Of files: what is refused there, and not by the system, is what leads out of a folder.
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::PermissionDenied && error.raw_os_error().is_none() {
            return Self::escape();
        }
        Self::Errno(Errno::of(&error))
    }
}

impl From<rustix::io::Errno> for Failure {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Errno(Errno::of(&error.into()))
    }
}

impl Errno {
    /// The number for an error of the host's system; what has none is an I/O error.
    pub(super) fn of(error: &io::Error) -> Self {
        use rustix::io::Errno as Host;
        let Some(host) = Host::from_io_error(error) else { return Self::of_kind(error.kind()) };
        match host {
            Host::ACCESS => Self::Access,
            Host::ADDRINUSE => Self::AddressInUse,
            Host::ADDRNOTAVAIL => Self::NoAddress,
            Host::AFNOSUPPORT => Self::NoFamily,
            Host::AGAIN => Self::Again,
            Host::ALREADY => Self::Already,
            Host::CONNABORTED => Self::Aborted,
            Host::CONNREFUSED => Self::Refused,
            Host::CONNRESET => Self::Reset,
            Host::HOSTUNREACH => Self::HostUnreachable,
            Host::INPROGRESS => Self::InProgress,
            Host::ISCONN => Self::IsConnected,
            Host::NETDOWN => Self::NetworkDown,
            Host::NETRESET => Self::NetworkReset,
            Host::NETUNREACH => Self::NetworkUnreachable,
            Host::NOTCONN => Self::NotConnected,
            Host::BADF => Self::BadDescriptor,
            Host::BUSY => Self::Busy,
            Host::DEADLK => Self::Deadlock,
            Host::DQUOT => Self::Quota,
            Host::EXIST => Self::Exists,
            Host::FAULT => Self::Fault,
            Host::FBIG => Self::TooBig,
            Host::ILSEQ => Self::IllegalBytes,
            Host::INTR => Self::Interrupted,
            Host::INVAL => Self::Invalid,
            Host::ISDIR => Self::IsFolder,
            Host::LOOP => Self::Loop,
            Host::MLINK => Self::TooManyLinks,
            Host::NAMETOOLONG => Self::NameTooLong,
            // The host's own limit, which is not the guest's.
            Host::MFILE | Host::NFILE => Self::SystemFiles,
            Host::NODEV => Self::NoDevice,
            Host::NOENT => Self::NoEntry,
            Host::NOLCK => Self::NoLock,
            Host::NOMEM => Self::NoMemory,
            Host::NOSPC => Self::NoSpace,
            Host::NOSYS => Self::NoSystemCall,
            Host::NOTDIR => Self::NotFolder,
            Host::NOTEMPTY => Self::NotEmpty,
            Host::NOTSUP => Self::NotSupported,
            Host::NOTTY => Self::NotTerminal,
            Host::NXIO => Self::NoSuchDevice,
            Host::OVERFLOW => Self::Overflow,
            Host::PERM => Self::NotPermitted,
            Host::PIPE => Self::BrokenPipe,
            Host::ROFS => Self::ReadOnly,
            Host::SPIPE => Self::NoSeek,
            Host::STALE => Self::Stale,
            Host::TIMEDOUT => Self::TimedOut,
            Host::TXTBSY => Self::TextBusy,
            Host::XDEV => Self::OtherDevice,
            _ => Self::Io,
        }
    }

    /// Errors that were not the system's: of cap-primitives, and of the caller's readers and writers.
    fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Self::NoEntry,
            ErrorKind::PermissionDenied => Self::NotPermitted,
            ErrorKind::AlreadyExists => Self::Exists,
            ErrorKind::InvalidInput => Self::Invalid,
            ErrorKind::Interrupted => Self::Interrupted,
            ErrorKind::WouldBlock => Self::Again,
            ErrorKind::BrokenPipe => Self::BrokenPipe,
            ErrorKind::StorageFull => Self::NoSpace,
            ErrorKind::QuotaExceeded => Self::Quota,
            ErrorKind::FileTooLarge => Self::TooBig,
            ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::NotConnected => Self::NotConnected,
            ErrorKind::NotADirectory => Self::NotFolder,
            ErrorKind::IsADirectory => Self::IsFolder,
            ErrorKind::Unsupported => Self::NotSupported,
            _ => Self::Io,
        }
    }

    /// For the host: the kind of error, and what to say of it.
    pub(super) fn told(self) -> (ErrorKind, String) {
        let (kind, said) = match self {
            Self::NoEntry => (ErrorKind::NotFound, "nothing is there"),
            Self::Exists => (ErrorKind::AlreadyExists, "it is there already"),
            Self::NotPermitted | Self::Access => {
                (ErrorKind::PermissionDenied, "not granted for writing")
            }
            Self::NotFolder => (ErrorKind::NotADirectory, "not a folder"),
            Self::IsFolder => (ErrorKind::IsADirectory, "a folder, not a file"),
            Self::NoSpace | Self::Quota => {
                (ErrorKind::QuotaExceeded, "the quota of its tree is used up")
            }
            Self::TooBig => (ErrorKind::FileTooLarge, "larger than may be taken out at once"),
            Self::Invalid => (ErrorKind::InvalidInput, "give an absolute path, such as /tmp/a"),
            Self::NotSupported => (ErrorKind::Unsupported, "neither a file nor a folder"),
            other => return (ErrorKind::Other, format!("{other:?}")),
        };
        (kind, said.to_owned())
    }

    pub(super) fn number(self) -> i32 {
        i32::from(self as u16)
    }
}
