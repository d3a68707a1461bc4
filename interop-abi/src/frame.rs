//! The shared frame: a fixed structure in linear memory through which values and errors travel.
//!
//! Each level has one. The bridge fills it before it returns; the host reads it before it enters again.
//! Whatever a slot points to stays alive until the next entry at that level.

/// What kind of value a [`Slot`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Tag {
    /// Nothing, and Python's `None`.
    None = 0,
    /// A truth value; the payload is 0 or 1.
    Bool = 1,
    /// A signed 64-bit integer in the payload.
    Int = 2,
    /// The bits of an IEEE 754 double in the payload.
    Float = 3,
    /// UTF-8 text; the payload is its address, `len` its bytes.
    Str = 4,
    /// Bytes; the payload is their address, `len` their number.
    Bytes = 5,
    /// An object that stays in the guest: the payload is its index, `len` its generation.
    Handle = 6,
    /// A value of the encoding; the payload is its address, `len` its bytes.
    Encoded = 7,
}

impl Tag {
    /// Every tag with its name in the header, in the order of their numbers.
    pub const ALL: &[(Self, &str)] = &[
        (Self::None, "NONE"),
        (Self::Bool, "BOOL"),
        (Self::Int, "INT"),
        (Self::Float, "FLOAT"),
        (Self::Str, "STR"),
        (Self::Bytes, "BYTES"),
        (Self::Handle, "HANDLE"),
        (Self::Encoded, "ENCODED"),
    ];

    /// The tag with this number, if there is one.
    #[inline]
    #[must_use]
    pub fn from_u32(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::None,
            1 => Self::Bool,
            2 => Self::Int,
            3 => Self::Float,
            4 => Self::Str,
            5 => Self::Bytes,
            6 => Self::Handle,
            7 => Self::Encoded,
            _ => return None,
        })
    }
}

/// How a call into the guest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// It returned; a value, if there is one, is in the value slot.
    Ok = 0,
    /// A Python exception is described in the error slots.
    Raised = 1,
    /// `SystemExit` was raised; its status is in the exit slot.
    Exit = 2,
    /// The source text is the beginning of a statement (answer of `ophidia_complete`); an iterator
    /// is at its end.
    Incomplete = 3,
    /// The host called the bridge in a way this agreement does not allow.
    Misuse = 4,
}

impl Status {
    /// Every status with its name in the header, in the order of their numbers.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Ok, "OK"),
        (Self::Raised, "RAISED"),
        (Self::Exit, "EXIT"),
        (Self::Incomplete, "INCOMPLETE"),
        (Self::Misuse, "MISUSE"),
    ];

    /// The status with this number, if there is one.
    #[inline]
    #[must_use]
    pub fn from_u32(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Ok,
            1 => Self::Raised,
            2 => Self::Exit,
            3 => Self::Incomplete,
            4 => Self::Misuse,
            _ => return None,
        })
    }
}

/// How source text is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Mode {
    /// Statements; no value.
    Exec = 0,
    /// One expression; its value goes to the value slot.
    Eval = 1,
    /// One interactive statement; the value of an expression is printed.
    Single = 2,
    /// A main program: as `Exec`, with `__file__` set and `sys.excepthook` honoured.
    Main = 3,
}

impl Mode {
    /// Every mode with its name in the header.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Exec, "EXEC"),
        (Self::Eval, "EVAL"),
        (Self::Single, "SINGLE"),
        (Self::Main, "MAIN"),
    ];
}

/// Which slot of the frame holds what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum SlotIndex {
    /// The value of an expression.
    Value = 0,
    /// The exception's qualified type name.
    Type = 1,
    /// The exception's message (`str(exception)`).
    Message = 2,
    /// The formatted traceback.
    Traceback = 3,
    /// The exit status of `SystemExit`, an integer.
    Exit = 4,
    /// A handle of the exception.
    Exception = 5,
    /// The [`Layout`](crate::Layout) of a value that is wanted as a buffer, as bytes.
    Layout = 6,
}

impl SlotIndex {
    /// Every slot with its name in the header.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Value, "VALUE"),
        (Self::Type, "TYPE"),
        (Self::Message, "MESSAGE"),
        (Self::Traceback, "TRACEBACK"),
        (Self::Exit, "EXIT"),
        (Self::Exception, "EXCEPTION"),
        (Self::Layout, "LAYOUT"),
    ];
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

/// The frame.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Frame {
    /// The address of a `u32` that the host sets to 1 to ask for a `KeyboardInterrupt`.
    pub interrupt_flag: u32,
    /// The address of a `u32` that the evaluation loop looks at.
    pub eval_breaker: u32,
    /// The bits to set in it so that the loop sees the interrupt flag.
    pub eval_breaker_bits: u32,
    /// Always 0.
    pub reserved: u32,
    /// What the guest leaves, indexed by [`SlotIndex`].
    pub slots: [Slot; SlotIndex::ALL.len()],
    /// What the host leaves: the operands of an operation that are plain, or the plain answer of one of its
    /// functions. The guest takes them before it does anything else.
    pub operands: [Slot; OPERANDS as usize],
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
    FrameField { name: "reserved", offset: core::mem::offset_of!(Frame, reserved) as u32 },
];
