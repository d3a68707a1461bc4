//! What the host can do with Python objects: the operations of `ophidia_operate`.
//!
//! Its input begins with the handles that the host has let go of since its last call: a `u32` count,
//! then a `u32` index and a `u32` generation each. The operands follow, values of the encoding.

/// An operation. Its operands are values of the encoding, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Operation {
    /// `value` itself.
    Identity = 0,
    /// The interned `str` that equals `text`, for names.
    Intern = 1,
    /// The module of this dotted `name`.
    Import = 2,
    /// The namespace of `__main__`.
    Globals = 3,
    /// `callable`, its positional and then its keyword arguments; last, when there are keywords, the
    /// tuple of their names.
    Call = 4,
    /// `name`, `object`, and as above.
    CallMethod = 5,
    /// `object`, `name`.
    GetAttr = 6,
    /// `object`, `name`, `value`.
    SetAttr = 7,
    /// `object`, `name`.
    DelAttr = 8,
    /// `object`, `key`.
    GetItem = 9,
    /// `object`, `key`, `value`.
    SetItem = 10,
    /// `object`, `key`.
    DelItem = 11,
    /// `object`.
    Len = 12,
    /// `object`.
    Iter = 13,
    /// `iterator`; at its end the status is [`Status::Incomplete`](crate::Status::Incomplete).
    Next = 14,
    /// `object`.
    Str = 15,
    /// `object`.
    Repr = 16,
    /// `object`, `object`: whether they are the same.
    Is = 17,
    /// `object`: its truth.
    Truth = 18,
    /// `container`, `value`: whether the one holds the other.
    Contains = 19,
    /// `object`.
    Type = 20,
    /// How many handles are given out.
    Handles = 21,
    /// As `Call`, of a function of the in-guest package: nothing is converted.
    Help = 22,
    /// `object`, `name`; when there is no such attribute the status is
    /// [`Status::Incomplete`](crate::Status::Incomplete).
    FindAttr = 23,
    /// `name` of a method, `generator`, `value`; at its end the status is
    /// [`Status::Incomplete`](crate::Status::Incomplete).
    Resume = 24,
}

impl Operation {
    /// Every operation with its name in the header.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Identity, "IDENTITY"),
        (Self::Intern, "INTERN"),
        (Self::Import, "IMPORT"),
        (Self::Globals, "GLOBALS"),
        (Self::Call, "CALL"),
        (Self::CallMethod, "CALL_METHOD"),
        (Self::GetAttr, "GET_ATTR"),
        (Self::SetAttr, "SET_ATTR"),
        (Self::DelAttr, "DEL_ATTR"),
        (Self::GetItem, "GET_ITEM"),
        (Self::SetItem, "SET_ITEM"),
        (Self::DelItem, "DEL_ITEM"),
        (Self::Len, "LEN"),
        (Self::Iter, "ITER"),
        (Self::Next, "NEXT"),
        (Self::Str, "STR"),
        (Self::Repr, "REPR"),
        (Self::Is, "IS"),
        (Self::Truth, "TRUTH"),
        (Self::Contains, "CONTAINS"),
        (Self::Type, "TYPE"),
        (Self::Handles, "HANDLES"),
        (Self::Help, "HELP"),
        (Self::FindAttr, "FIND_ATTR"),
        (Self::Resume, "RESUME"),
    ];
}

/// In what form the host wants the result of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Want {
    /// Not at all.
    Nothing = 0,
    /// As a handle.
    Handle = 1,
    /// As a value; what has no plain form as a handle.
    Value = 2,
    /// `None` as a value, anything else as a handle.
    HandleOrNone = 3,
    /// As a handle of its `memoryview`, whose [`Layout`](crate::Layout) goes to the layout slot.
    Buffer = 4,
    /// As a value; in it, an instance of a subclass of a built-in class as one of that class.
    Plain = 5,
    /// As a value; an instance of a subclass of a built-in container as one of that, with what is in it
    /// as it is.
    Container = 6,
    /// Arguments: `None`, numbers that fit 64 bits and short texts as values, all else as handles.
    Objects0 = 7,
    /// A container, of a subclass too, as a value; what is in it as with `Objects0`.
    Objects1 = 8,
    /// The same, but whatever is in it as a handle.
    Handles1 = 9,
    /// Containers in a container as values; what is in them as with `Objects0`.
    Objects2 = 10,
    /// The same, but whatever is in them as a handle.
    Handles2 = 11,
}

impl Want {
    /// Every form with its name in the header.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Nothing, "NOTHING"),
        (Self::Handle, "HANDLE"),
        (Self::Value, "VALUE"),
        (Self::HandleOrNone, "HANDLE_OR_NONE"),
        (Self::Buffer, "BUFFER"),
        (Self::Plain, "PLAIN"),
        (Self::Container, "CONTAINER"),
        (Self::Objects0, "OBJECTS_0"),
        (Self::Objects1, "OBJECTS_1"),
        (Self::Handles1, "HANDLES_1"),
        (Self::Objects2, "OBJECTS_2"),
        (Self::Handles2, "HANDLES_2"),
    ];

    /// Whether it is for what is made of a value, not of the object itself.
    #[must_use]
    pub const fn is_value(self) -> bool {
        !matches!(self, Self::Nothing | Self::Handle | Self::HandleOrNone | Self::Buffer)
    }

    /// Whether what is in it are objects where a value would do.
    #[must_use]
    pub const fn holds_objects(self) -> bool {
        self as u32 >= Self::Objects0 as u32 || matches!(self, Self::Handle)
    }

    /// In how many containers there are objects, and whether there is nothing else.
    const fn objects(self) -> Option<(u32, bool)> {
        match self {
            Self::Handle | Self::Buffer => Some((0, true)),
            Self::HandleOrNone | Self::Objects0 => Some((0, false)),
            Self::Objects1 => Some((1, false)),
            Self::Handles1 => Some((1, true)),
            Self::Objects2 => Some((2, false)),
            Self::Handles2 => Some((2, true)),
            _ => None,
        }
    }

    /// In what form a container is wanted whose items are wanted in these: nothing is made plain that an
    /// item wants as itself. Where objects are at different depths, what is deeper than the first is asked for again.
    #[must_use]
    pub const fn of_items(items: &[Self]) -> Self {
        let mut plain = true;
        let mut objects: Option<(u32, bool)> = None;
        let mut i = 0;
        while i < items.len() {
            plain = plain && matches!(items[i], Self::Plain);
            let (depth, all) = match items[i].objects() {
                Some(found) => found,
                None => (u32::MAX, false),
            };
            objects = match objects {
                None => Some((depth, all)),
                Some((least, others)) => Some((
                    if depth < least { depth } else { least },
                    all && others && depth == least,
                )),
            };
            i += 1;
        }
        match objects {
            Some((0, true)) => Self::Handles1,
            Some((0, false)) => Self::Objects1,
            Some((1 | 2, true)) => Self::Handles2,
            Some((1 | 2, false)) => Self::Objects2,
            _ if plain => Self::Plain,
            _ => Self::Container,
        }
    }

    /// In what one form all arguments of a call are wanted.
    #[must_use]
    pub const fn of_arguments(arguments: &[Self]) -> Self {
        let (mut plain, mut any, mut all) = (true, false, true);
        let mut i = 0;
        while i < arguments.len() {
            plain = plain && matches!(arguments[i], Self::Plain);
            any = any || arguments[i].objects().is_some();
            all = all && !arguments[i].is_value();
            i += 1;
        }
        if any && all {
            Self::Handle
        } else if any {
            Self::Objects0
        } else if plain {
            Self::Plain
        } else {
            Self::Value
        }
    }
}
