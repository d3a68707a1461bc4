//! What the host can do with Python objects: the operations of `ophidia_operate`.
//!
//! Its input begins with the handles that the host has let go of since its last call: a `u32` count,
//! then a `u32` index and a `u32` generation each. The operands follow, values of the encoding.

use crate::numbered::numbered;

numbered! {
    /// An operation. Its operands are values of the encoding, one after another.
    pub enum Operation: u32 {
        /// `value` itself.
        Identity = 0 "IDENTITY",
        /// The interned `str` that equals `text`, for names.
        Intern = 1 "INTERN",
        /// The module of this dotted `name`.
        Import = 2 "IMPORT",
        /// The namespace of `__main__`.
        Globals = 3 "GLOBALS",
        /// `callable`, its positional and then its keyword arguments; last, when there are keywords, the
        /// tuple of their names.
        Call = 4 "CALL",
        /// `name`, `object`, and as above.
        CallMethod = 5 "CALL_METHOD",
        /// `object`, `name`.
        GetAttr = 6 "GET_ATTR",
        /// `object`, `name`, `value`.
        SetAttr = 7 "SET_ATTR",
        /// `object`, `name`.
        DelAttr = 8 "DEL_ATTR",
        /// `object`, `key`.
        GetItem = 9 "GET_ITEM",
        /// `object`, `key`, `value`.
        SetItem = 10 "SET_ITEM",
        /// `object`, `key`.
        DelItem = 11 "DEL_ITEM",
        /// `object`.
        Len = 12 "LEN",
        /// `object`.
        Iter = 13 "ITER",
        /// `iterator`; at its end the status is [`Status::Incomplete`](crate::Status::Incomplete).
        Next = 14 "NEXT",
        /// `object`.
        Str = 15 "STR",
        /// `object`.
        Repr = 16 "REPR",
        /// `object`, `object`: whether they are the same.
        Is = 17 "IS",
        /// `object`: its truth.
        Truth = 18 "TRUTH",
        /// `container`, `value`: whether the one holds the other.
        Contains = 19 "CONTAINS",
        /// `object`.
        Type = 20 "TYPE",
        /// How many handles are given out.
        Handles = 21 "HANDLES",
        /// As `Call`, of a function of the in-guest package: nothing is converted.
        Help = 22 "HELP",
        /// `object`, `name`; when there is no such attribute the status is
        /// [`Status::Incomplete`](crate::Status::Incomplete).
        FindAttr = 23 "FIND_ATTR",
        /// `name` of a method, `generator`, `value`; at its end the status is
        /// [`Status::Incomplete`](crate::Status::Incomplete).
        Resume = 24 "RESUME",
    }
}

numbered! {
    /// In what form the host wants the result of an operation.
    pub enum Want: u32 {
        /// Not at all.
        Nothing = 0 "NOTHING",
        /// As a handle.
        Handle = 1 "HANDLE",
        /// As a value; what has no plain form as a handle.
        Value = 2 "VALUE",
        /// `None` as a value, anything else as a handle.
        HandleOrNone = 3 "HANDLE_OR_NONE",
        /// As a handle of its `memoryview`, whose [`Layout`](crate::Layout) goes to the layout slot.
        Buffer = 4 "BUFFER",
        /// As a value; in it, an instance of a subclass of a built-in class as one of that class.
        Plain = 5 "PLAIN",
        /// As a value; an instance of a subclass of a built-in container as one of that, with what is in it
        /// as it is.
        Container = 6 "CONTAINER",
        /// Arguments: `None`, numbers that fit 64 bits and short texts as values, all else as handles.
        Objects0 = 7 "OBJECTS_0",
        /// A container, of a subclass too, as a value; what is in it as with `Objects0`.
        Objects1 = 8 "OBJECTS_1",
        /// The same, but whatever is in it as a handle.
        Handles1 = 9 "HANDLES_1",
        /// Containers in a container as values; what is in them as with `Objects0`.
        Objects2 = 10 "OBJECTS_2",
        /// The same, but whatever is in them as a handle.
        Handles2 = 11 "HANDLES_2",
    }
}

impl Want {
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
