//! What the Ophidia host and its CPython guest agree on: names, numbers and layouts.
//!
//! This crate is the single source. The host links against [`EXPORTS`] and [`IMPORTS`], reads the
//! [`Frame`] at the offsets given here, and the C header of the bridge is written from the same lists
//! by [`header::write`]; a test fails when the committed header differs.
//!
//! All integers are little-endian, all pointers are 32-bit offsets into the guest's linear memory.
#![no_std]

mod encoding;
mod frame;
mod functions;
pub mod header;
mod layout;
pub mod message;
mod network;
mod numbered;
mod operation;

pub use encoding::{Encoded, MAX_DEPTH, MAX_ENCODED, NO_OFFSET};
pub use frame::{
    ASK_INTERRUPT, ASK_TIMEOUT, CUT, ERROR_TEXT, FRAME_FIELDS, Frame, FrameField, LOST,
    MEMORY_ERROR, Mode, OPERANDS, RELEASES, Slot, SlotIndex, Status, TIMEOUT_ERROR, Tag,
};
pub use functions::{
    EXPORTS, HOST_MODULE, IMPORTS, Param, Signature, ValueType, WASI_IMPORTS, WASI_MODULE, export,
    import,
};
pub use layout::{INDIRECT, Layout, MAX_DIMENSIONS, READ_ONLY};
pub use network::{ADDRESS, FAMILY_V4, FAMILY_V6, HOST_DESCRIPTOR, socket_option, tls};
pub use operation::{Operation, Want};

/// The version of this agreement. The guest reports it, the host refuses any other.
pub const VERSION: u32 = 16;

/// Inputs of at most so many bytes share one buffer of their level, which never moves.
pub const SHORT_INPUT: u32 = 4_096;

/// In the length of the working directory: it is a name, whether or not a folder is there.
pub const BY_NAME: u32 = 1 << 31;

/// In the mode of source text to be run: gives what [`Operation::Help`] can step through, so that it awaits at rest.
pub const RESTS: u32 = 1 << 8;

/// How many levels there are. An entry of the host is at level 0; one that a function of the host
/// makes while the guest waits for it is at the next. Each has its own frame and input buffer.
pub const LEVELS: u32 = 32;

/// The function of the host that the bridge calls itself: with a `float`, to wait so many seconds (−1:
/// for ever) for asynchronous functions to end, with an `int`, to cancel one.
pub const ATTEND: u32 = u32::MAX;

/// Set in the length of an answer that is an exception: a handle of it, or the tuple of its class
/// (a dotted name or a handle) and its message.
pub const RAISED: u32 = 1 << 31;

/// Added to the form of a result, and set in the length of an answer: the converters that
/// `_ophidia.interop` was given are applied to the values that follow, and to what is in them.
pub const CONVERTED: u32 = 1 << 30;

/// Added to the form of a result for each operand in a slot.
pub const OPERAND: u32 = 1 << 8;

/// Added to the form of a result for each handle in the frame that the host has let go of.
pub const RELEASE: u32 = 1 << 16;

/// Instead of a length: the arguments or the answer of a function of the host are not encoded, but plain,
/// and the operands of that level's frame.
pub const IN_SLOT: u32 = RAISED - 1;

/// The name, in the module's name section, of the function whose marks ([`import::METER`]) say all that has to be said
/// of the loops around them: CPython's evaluation loop.
pub const EVALUATION_LOOP: &str = "_PyEval_EvalFrameDefault";

/// The name under which the guest exports its linear memory.
pub const MEMORY: &str = "memory";
