//! What CPython's structures hold in 32-bit memory, and which signatures their functions must have.
//!
//! After `object.h`, `cpython/object.h`, `typeslots.h`, `methodobject.h`, `descrobject.h` and
//! `moduleobject.h` of CPython 3.14. A pointer, an `int` and a `Py_ssize_t` are all an `i32`.

/// What a word of a structure points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// A function with this signature.
    Function(&'static str),
    /// Another structure.
    Structure(Structure),
}

/// A kind of structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Structure {
    Type,
    Number,
    Sequence,
    Mapping,
    Async,
    Buffer,
    /// An array of `PyMethodDef`, ended by zeros.
    Methods,
    /// An array of `PyGetSetDef`, ended by zeros.
    GetSets,
    Spec,
    /// An array of `PyType_Slot`, ended by zeros.
    TypeSlots,
    Module,
    /// An array of `PyModuleDef_Slot`, ended by zeros.
    ModuleSlots,
}

/// A word of a structure: its offset (or, for slots, number), its name, and what it points to.
pub(crate) type Word = (u32, &'static str, Target);

use Target::{Function as F, Structure as S};

const UNARY: Target = F("i>i");
const BINARY: Target = F("ii>i");
const TERNARY: Target = F("iii>i");

/// The size of a `PyTypeObject`.
pub(crate) const TYPE_SIZE: u32 = 208;
/// Where its name is.
pub(crate) const TYPE_NAME: u32 = 12;
/// The size of a `PyModuleDef`.
pub(crate) const MODULE_SIZE: u32 = 52;
/// Where its name is.
pub(crate) const MODULE_NAME: u32 = 20;
/// The size of a `PyType_Spec`.
pub(crate) const SPEC_SIZE: u32 = 20;
/// Where its slots are.
pub(crate) const SPEC_SLOTS: u32 = 16;
/// The size of a `PyMethodDef`: name, function, flags, documentation.
pub(crate) const METHOD_SIZE: u32 = 16;
/// The size of a `PyGetSetDef`: name, getter, setter, documentation, closure.
pub(crate) const GETSET_SIZE: u32 = 20;
/// The size of a `PyType_Slot` and of a `PyModuleDef_Slot`: number, pointer.
pub const SLOT_SIZE: u32 = 8;

pub(crate) const GETTER: &str = "ii>i";
pub(crate) const SETTER: &str = "iii>i";

const TYPE: &[Word] = &[
    (24, "tp_dealloc", F("i>")),
    (32, "tp_getattr", BINARY),
    (36, "tp_setattr", TERNARY),
    (40, "tp_as_async", S(Structure::Async)),
    (44, "tp_repr", UNARY),
    (48, "tp_as_number", S(Structure::Number)),
    (52, "tp_as_sequence", S(Structure::Sequence)),
    (56, "tp_as_mapping", S(Structure::Mapping)),
    (60, "tp_hash", UNARY),
    (64, "tp_call", TERNARY),
    (68, "tp_str", UNARY),
    (72, "tp_getattro", BINARY),
    (76, "tp_setattro", TERNARY),
    (80, "tp_as_buffer", S(Structure::Buffer)),
    (92, "tp_traverse", TERNARY),
    (96, "tp_clear", UNARY),
    (100, "tp_richcompare", TERNARY),
    (108, "tp_iter", UNARY),
    (112, "tp_iternext", UNARY),
    (116, "tp_methods", S(Structure::Methods)),
    (124, "tp_getset", S(Structure::GetSets)),
    (136, "tp_descr_get", TERNARY),
    (140, "tp_descr_set", TERNARY),
    (148, "tp_init", TERNARY),
    (152, "tp_alloc", BINARY),
    (156, "tp_new", TERNARY),
    (160, "tp_free", F("i>")),
    (164, "tp_is_gc", UNARY),
    (188, "tp_del", F("i>")),
    (196, "tp_finalize", F("i>")),
    (200, "tp_vectorcall", F("iiii>i")),
];

const NUMBER: &[Word] = &[
    (0, "nb_add", BINARY),
    (4, "nb_subtract", BINARY),
    (8, "nb_multiply", BINARY),
    (12, "nb_remainder", BINARY),
    (16, "nb_divmod", BINARY),
    (20, "nb_power", TERNARY),
    (24, "nb_negative", UNARY),
    (28, "nb_positive", UNARY),
    (32, "nb_absolute", UNARY),
    (36, "nb_bool", UNARY),
    (40, "nb_invert", UNARY),
    (44, "nb_lshift", BINARY),
    (48, "nb_rshift", BINARY),
    (52, "nb_and", BINARY),
    (56, "nb_xor", BINARY),
    (60, "nb_or", BINARY),
    (64, "nb_int", UNARY),
    (72, "nb_float", UNARY),
    (76, "nb_inplace_add", BINARY),
    (80, "nb_inplace_subtract", BINARY),
    (84, "nb_inplace_multiply", BINARY),
    (88, "nb_inplace_remainder", BINARY),
    (92, "nb_inplace_power", TERNARY),
    (96, "nb_inplace_lshift", BINARY),
    (100, "nb_inplace_rshift", BINARY),
    (104, "nb_inplace_and", BINARY),
    (108, "nb_inplace_xor", BINARY),
    (112, "nb_inplace_or", BINARY),
    (116, "nb_floor_divide", BINARY),
    (120, "nb_true_divide", BINARY),
    (124, "nb_inplace_floor_divide", BINARY),
    (128, "nb_inplace_true_divide", BINARY),
    (132, "nb_index", UNARY),
    (136, "nb_matrix_multiply", BINARY),
    (140, "nb_inplace_matrix_multiply", BINARY),
];

const SEQUENCE: &[Word] = &[
    (0, "sq_length", UNARY),
    (4, "sq_concat", BINARY),
    (8, "sq_repeat", BINARY),
    (12, "sq_item", BINARY),
    (20, "sq_ass_item", TERNARY),
    (28, "sq_contains", BINARY),
    (32, "sq_inplace_concat", BINARY),
    (36, "sq_inplace_repeat", BINARY),
];

const MAPPING: &[Word] =
    &[(0, "mp_length", UNARY), (4, "mp_subscript", BINARY), (8, "mp_ass_subscript", TERNARY)];

const ASYNC: &[Word] = &[
    (0, "am_await", UNARY),
    (4, "am_aiter", UNARY),
    (8, "am_anext", UNARY),
    (12, "am_send", TERNARY),
];

const BUFFER: &[Word] = &[(0, "bf_getbuffer", TERNARY), (4, "bf_releasebuffer", F("ii>"))];

const MODULE: &[Word] = &[
    (32, "m_methods", S(Structure::Methods)),
    (36, "m_slots", S(Structure::ModuleSlots)),
    (40, "m_traverse", TERNARY),
    (44, "m_clear", UNARY),
    (48, "m_free", F("i>")),
];

const MODULE_SLOTS: &[Word] = &[(1, "Py_mod_create", BINARY), (2, "Py_mod_exec", UNARY)];

/// The names of the numbers in `typeslots.h`, from 1. Zero entries are data or structures.
const TYPE_SLOTS: &[&str] = &[
    "bf_getbuffer",
    "bf_releasebuffer",
    "mp_ass_subscript",
    "mp_length",
    "mp_subscript",
    "nb_absolute",
    "nb_add",
    "nb_and",
    "nb_bool",
    "nb_divmod",
    "nb_float",
    "nb_floor_divide",
    "nb_index",
    "nb_inplace_add",
    "nb_inplace_and",
    "nb_inplace_floor_divide",
    "nb_inplace_lshift",
    "nb_inplace_multiply",
    "nb_inplace_or",
    "nb_inplace_power",
    "nb_inplace_remainder",
    "nb_inplace_rshift",
    "nb_inplace_subtract",
    "nb_inplace_true_divide",
    "nb_inplace_xor",
    "nb_int",
    "nb_invert",
    "nb_lshift",
    "nb_multiply",
    "nb_negative",
    "nb_or",
    "nb_positive",
    "nb_power",
    "nb_remainder",
    "nb_rshift",
    "nb_subtract",
    "nb_true_divide",
    "nb_xor",
    "sq_ass_item",
    "sq_concat",
    "sq_contains",
    "sq_inplace_concat",
    "sq_inplace_repeat",
    "sq_item",
    "sq_length",
    "sq_repeat",
    "tp_alloc",
    "tp_base",
    "tp_bases",
    "tp_call",
    "tp_clear",
    "tp_dealloc",
    "tp_del",
    "tp_descr_get",
    "tp_descr_set",
    "tp_doc",
    "tp_getattr",
    "tp_getattro",
    "tp_hash",
    "tp_init",
    "tp_is_gc",
    "tp_iter",
    "tp_iternext",
    "tp_methods",
    "tp_new",
    "tp_repr",
    "tp_richcompare",
    "tp_setattr",
    "tp_setattro",
    "tp_str",
    "tp_traverse",
    "tp_members",
    "tp_getset",
    "tp_free",
    "nb_matrix_multiply",
    "nb_inplace_matrix_multiply",
    "am_await",
    "am_aiter",
    "am_anext",
    "tp_finalize",
    "am_send",
    "tp_vectorcall",
    "tp_token",
];

/// The structure that data of this name is, as in `gentype_as_number`.
pub(crate) fn suite(name: &str) -> Option<Structure> {
    let (_, suite) = name.rsplit_once("_as_")?;
    Some(match suite {
        "number" => Structure::Number,
        "sequence" => Structure::Sequence,
        "mapping" => Structure::Mapping,
        "buffer" => Structure::Buffer,
        _ => return None,
    })
}

impl Structure {
    /// Its words, for those that are one of a kind.
    pub(crate) fn words(self) -> &'static [Word] {
        match self {
            Self::Type => TYPE,
            Self::Number => NUMBER,
            Self::Sequence => SEQUENCE,
            Self::Mapping => MAPPING,
            Self::Async => ASYNC,
            Self::Buffer => BUFFER,
            Self::Module => MODULE,
            Self::Spec => &[(SPEC_SLOTS, "slots", S(Self::TypeSlots))],
            Self::Methods | Self::GetSets | Self::TypeSlots | Self::ModuleSlots => &[],
        }
    }

    /// What a slot of this number points to.
    pub(crate) fn slot(self, number: u32) -> Option<Word> {
        if self == Self::ModuleSlots {
            return MODULE_SLOTS.iter().find(|word| word.0 == number).copied();
        }
        let name = *TYPE_SLOTS.get(number.checked_sub(1)? as usize)?;
        let all = [TYPE, NUMBER, SEQUENCE, MAPPING, ASYNC, BUFFER];
        all.iter().flat_map(|words| words.iter()).find(|word| word.1 == name).copied()
    }
}

/// The signature that the flags of a `PyMethodDef` demand; `None` when no method has such flags.
pub(crate) fn method(flags: u32) -> Option<&'static str> {
    const CLASS_STATIC_COEXIST: u32 = 0x70;
    match flags & !CLASS_STATIC_COEXIST {
        0x001 | 0x004 | 0x008 => Some("ii>i"), // VARARGS, NOARGS, O
        0x003 | 0x080 => Some("iii>i"),        // VARARGS | KEYWORDS, FASTCALL
        0x082 => Some("iiii>i"),               // FASTCALL | KEYWORDS
        0x282 => Some("iiiii>i"),              // METHOD | FASTCALL | KEYWORDS
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_have_the_numbers_of_the_header() {
        let name = |number| Structure::TypeSlots.slot(number).map(|word| word.1);
        assert_eq!(name(1), Some("bf_getbuffer"));
        assert_eq!(name(36), Some("nb_subtract"));
        assert_eq!(name(48), None);
        assert_eq!(name(64), Some("tp_methods"));
        assert_eq!(name(81), Some("am_send"));
        assert_eq!(name(82), Some("tp_vectorcall"));
        assert_eq!(name(84), None);
        assert_eq!(name(0), None);
    }
}
