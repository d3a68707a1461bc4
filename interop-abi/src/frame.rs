//! The shared frame: a fixed structure in linear memory through which values and errors travel.
//!
//! Each level has one. The bridge fills it before it returns; the host reads it before it enters again.
//! Whatever a slot points to stays alive until the next entry at that level.

use crate::numbered::numbered;

numbered! {
    /// What kind of value a [`Slot`] holds.
    pub enum Tag: u32 {
        /// Nothing, and Python's `None`.
        None = 0 "NONE",
        /// A truth value; the payload is 0 or 1.
        Bool = 1 "BOOL",
        /// A signed 64-bit integer in the payload.
        Int = 2 "INT",
        /// The bits of an IEEE 754 double in the payload.
        Float = 3 "FLOAT",
        /// UTF-8 text; the payload is its address, `len` its bytes.
        Str = 4 "STR",
        /// Bytes; the payload is their address, `len` their number.
        Bytes = 5 "BYTES",
        /// An object that stays in the guest: the payload is its index, `len` its generation.
        Handle = 6 "HANDLE",
        /// A value of the encoding; the payload is its address, `len` its bytes.
        Encoded = 7 "ENCODED",
    }
}

numbered! {
    /// How a call into the guest ended.
    pub enum Status: u32 {
        /// It returned; a value, if there is one, is in the value slot.
        Ok = 0 "OK",
        /// A Python exception is described in the error slots.
        Raised = 1 "RAISED",
        /// `SystemExit` was raised; its status is in the exit slot.
        Exit = 2 "EXIT",
        /// The source text is the beginning of a statement (answer of `ophidia_complete`); an iterator
        /// is at its end.
        Incomplete = 3 "INCOMPLETE",
        /// The host called the bridge in a way this agreement does not allow.
        Misuse = 4 "MISUSE",
    }
}

numbered! {
    /// How source text is compiled.
    pub enum Mode: u32 {
        /// Statements; no value.
        Exec = 0 "EXEC",
        /// One expression; its value goes to the value slot.
        Eval = 1 "EVAL",
        /// One interactive statement; the value of an expression is printed, and `sys.excepthook` honoured.
        Single = 2 "SINGLE",
        /// A main program: as `Exec`, with `__file__` set and `sys.excepthook` honoured.
        Main = 3 "MAIN",
    }
}

numbered! {
    /// Which slot of the frame holds what.
    pub enum SlotIndex: u32 {
        /// The value of an expression.
        Value = 0 "VALUE",
        /// The exception's qualified type name.
        Type = 1 "TYPE",
        /// The exception's message (`str(exception)`).
        Message = 2 "MESSAGE",
        /// The formatted traceback.
        Traceback = 3 "TRACEBACK",
        /// The exit status of `SystemExit`, an integer.
        Exit = 4 "EXIT",
        /// A handle of the exception.
        Exception = 5 "EXCEPTION",
        /// The [`Layout`](crate::Layout) of a value that is wanted as a buffer, as bytes.
        Layout = 6 "LAYOUT",
        /// What kind of exception it is: bits of [`MEMORY_ERROR`], [`TIMEOUT_ERROR`] and [`LOST`] as an
        /// integer.
        Kind = 7 "KIND",
    }
}

/// One value of 16 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Slot {
    /// A [`Tag`].
    pub tag: u32,
    /// The number of bytes that `payload` points to, for tags that point.
    pub len: u32,
    /// The value itself, or its address.
    pub payload: u64,
}

impl Slot {
    /// The size of a slot in bytes.
    pub const SIZE: u32 = size_of::<Self>() as u32;
}

/// How many operands an operation may have in slots.
pub const OPERANDS: u32 = 3;

/// How many handles that the host has let go of may ride in a frame.
pub const RELEASES: u32 = 8;

/// The most bytes of UTF-8 in each text of an exception: 64 KiB. A longer one is cut at a character, and
/// ends in [`CUT`].
pub const ERROR_TEXT: u32 = 64 << 10;

/// The end of a text that was cut.
pub const CUT: &str = "… [cut]";

/// The exception is an instance of the built-in class `MemoryError`, whatever a program calls its classes.
pub const MEMORY_ERROR: u32 = 1;

/// The exception is an instance of the built-in class `TimeoutError`.
pub const TIMEOUT_ERROR: u32 = 4;

/// What the host writes to [`Frame::interrupt_flag`] for a `KeyboardInterrupt`.
pub const ASK_INTERRUPT: u32 = 1;

/// What it writes there for a `TimeoutError`.
pub const ASK_TIMEOUT: u32 = 2;

/// CPython lost the exception for lack of memory: this one stands for it, or it could not be described.
pub const LOST: u32 = 2;

/// The frame.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Frame {
    /// The address of a `u32` that the host sets to [`ASK_INTERRUPT`] or [`ASK_TIMEOUT`].
    pub interrupt_flag: u32,
    /// The address of a `u32` that the evaluation loop looks at.
    pub eval_breaker: u32,
    /// The bits to set in it so that the loop sees the interrupt flag.
    pub eval_breaker_bits: u32,
    /// How many levels deep C code may recurse, as CPython counts them: what the native stack has room for. The host
    /// leaves it at level 0 before the start; 0 stands for what 1.5 MiB have room for.
    pub recursion: u32,
    /// What the guest leaves, indexed by [`SlotIndex`].
    pub slots: [Slot; SlotIndex::ALL.len()],
    /// What the host leaves: the operands of an operation that are plain, or the plain answer of one of its
    /// functions. The guest takes them before it does anything else.
    pub operands: [Slot; OPERANDS as usize],
    /// Handles that the host has let go of, with an operation in slots: it says how many there are.
    pub releases: [u64; RELEASES as usize],
}

impl Frame {
    /// The size of the frame in bytes.
    pub const SIZE: u32 = size_of::<Self>() as u32;

    /// The offset of a slot from the beginning of the frame.
    #[must_use]
    pub const fn slot_offset(index: SlotIndex) -> u32 {
        core::mem::offset_of!(Self, slots) as u32 + Slot::SIZE * index as u32
    }

    /// The offset of the first operand from the beginning of the frame.
    pub const OPERANDS: u32 = core::mem::offset_of!(Self, operands) as u32;

    /// The offset of the handles that were let go of.
    pub const RELEASES: u32 = core::mem::offset_of!(Self, releases) as u32;
}

/// A 32-bit word at the head of the frame.
#[derive(Clone, Copy, Debug)]
pub struct FrameField {
    /// Its name in the header.
    pub name: &'static str,
    /// Its offset from the beginning of the frame.
    pub offset: u32,
}

/// The words at the head of the frame, in order.
pub const FRAME_FIELDS: &[FrameField] = &[
    FrameField {
        name: "interrupt_flag",
        offset: core::mem::offset_of!(Frame, interrupt_flag) as u32,
    },
    FrameField { name: "eval_breaker", offset: core::mem::offset_of!(Frame, eval_breaker) as u32 },
    FrameField {
        name: "eval_breaker_bits",
        offset: core::mem::offset_of!(Frame, eval_breaker_bits) as u32,
    },
    FrameField { name: "recursion", offset: core::mem::offset_of!(Frame, recursion) as u32 },
];
