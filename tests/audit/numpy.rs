//! numpy's own structures: tables of loops, methods of dtypes and of array methods, and what the loops of
//! ufuncs are given to call.
//!
//! After `ndarraytypes.h`, `dtype_api.h` and `loops.h` of numpy 2.5. They are found by their names.

use ophidia_guest::audit::{Place, Program, SLOT_SIZE};

/// The file that all of numpy is in.
const OBJECT: &str = "numpy.o";
/// A loop of a ufunc: arguments, dimensions, steps, data.
const LOOP: &str = "iiii>";
/// A cast of a `PyArray_ArrFuncs`, which begins with 21 of them.
const CAST: &str = "iiiii>";
const CASTS: u32 = 21;

/// The functions of a `PyArray_ArrFuncs` after the casts, from offset 84. Nothing calls `fillwithscalar`,
/// which is declared to give an `int` and gives none.
const ARRAY_FUNCTIONS: &[(&str, &str)] = &[
    ("getitem", "ii>i"),
    ("setitem", "iii>i"),
    ("copyswapn", "iiiiiii>"),
    ("copyswap", "iiii>"),
    ("compare", "iii>i"),
    ("argmax", "iiii>i"),
    ("dotfunc", "iiiiiii>"),
    ("scanfunc", "iiii>i"),
    ("fromstr", "iiii>i"),
    ("nonzero", "ii>i"),
    ("fill", "iii>i"),
    ("fillwithscalar", "iiii>"),
    ("sort, quick", "iii>i"),
    ("sort, heap", "iii>i"),
    ("sort, merge", "iii>i"),
    ("argsort, quick", "iiii>i"),
    ("argsort, heap", "iiii>i"),
    ("argsort, merge", "iiii>i"),
];

/// What the slots of an array method have to be, from number 1.
const METHOD_SLOTS: &[(&str, &str)] = &[
    ("resolve_descriptors_with_scalars", "iiiiii>i"),
    ("resolve_descriptors", "iiiii>i"),
    ("get_loop", "iiiiiii>i"),
    ("get_reduction_initial", "iii>i"),
    ("strided_loop", "iiiii>i"),
    ("contiguous_loop", "iiiii>i"),
    ("unaligned_strided_loop", "iiiii>i"),
    ("unaligned_contiguous_loop", "iiiii>i"),
    ("contiguous_indexed_loop", "iiiii>i"),
];

/// What the slots of a dtype have to be, from number 1.
const DTYPE_SLOTS: &[(&str, &str)] = &[
    ("discover_descr_from_pyobject", "ii>i"),
    ("is_known_scalar_type", "ii>i"),
    ("default_descr", "i>i"),
    ("common_dtype", "ii>i"),
    ("common_instance", "ii>i"),
    ("ensure_canonical", "i>i"),
    ("setitem", "iii>i"),
    ("getitem", "ii>i"),
    ("get_clear_loop", "iiiiiii>i"),
    ("get_fill_zero_loop", "iiiiiii>i"),
    ("finalize_descr", "i>i"),
    ("get_constant", "iii>i"),
];

/// What the loop of this name calls, which stands in the same place of the ufunc's data.
fn called_by(function: &str) -> Option<&'static str> {
    let letters = function.strip_prefix("PyUFunc_")?;
    // `e_e_As_f_f` calls what `f_f` calls.
    let letters = letters.split_once("_As_").map_or(letters, |(_, as_if)| as_if);
    Some(match letters {
        "e_e" | "O_O" => "i>i",
        "ee_e" | "OO_O" => "ii>i",
        "OOO_O" => "iii>i",
        "f_f" => "f>f",
        "ff_f" => "ff>f",
        "d_d" => "d>d",
        "dd_d" => "dd>d",
        // A long double is passed in two halves and given through a pointer, complex numbers by pointers.
        "g_g" => "ill>",
        "gg_g" => "illll>",
        "F_F" | "D_D" | "G_G" => "ii>",
        "FF_F" | "DD_D" | "GG_G" => "iii>",
        _ => return None,
    })
}

/// Looks at every structure of numpy's in the program's data.
pub(crate) fn audit(program: &mut Program<'_>) {
    for (place, data) in program.data_with_pointers() {
        if program.objects.get(place.0).is_none_or(|object| object.name != OBJECT) {
            continue;
        }
        let name = program.name(place);
        if name.ends_with("ArrFuncs") {
            array_functions(program, place);
        } else if name.ends_with("DType_Slots") {
            slots(program, place, data.size(), DTYPE_SLOTS);
        } else if name.starts_with(".L__const.") && name.ends_with("slots") {
            slots(program, place, data.size(), METHOD_SLOTS);
        } else if let Some(ufunc) = name.strip_suffix("_functions") {
            table(program, place, LOOP, data.size());
            if let Some(called) = program.named(place.0, &format!("{ufunc}_data")) {
                data_of_loops(program, place, called, data.size());
            }
        } else if is_table_of_loops(name) {
            table(program, place, LOOP, data.size());
        }
    }
}

/// Of numpy.linalg's functions, or of einsum's.
fn is_table_of_loops(name: &str) -> bool {
    let linalg = name.ends_with("_funcs") && name.starts_with("_ZL");
    linalg || (name.contains("specializ") && name.ends_with("_table"))
}

fn table(program: &mut Program<'_>, place: Place, wanted: &'static str, size: u32) {
    for at in (0..size).step_by(4) {
        program.compare(place, at, &format!("function {}", at / 4), wanted);
    }
}

fn array_functions(program: &mut Program<'_>, place: Place) {
    table(program, place, CAST, 4 * CASTS);
    for (at, (word, wanted)) in (4 * CASTS..).step_by(4).zip(ARRAY_FUNCTIONS) {
        program.compare(place, at, word, wanted);
    }
    program.compare(place, 184, "argmin", "iiii>i");
}

fn slots(
    program: &mut Program<'_>,
    place: Place,
    size: u32,
    slots: &'static [(&'static str, &'static str)],
) {
    /// Where the numbers of a `PyArray_ArrFuncs`' functions begin among a dtype's; 0 is for casts.
    const ARRAY_FUNCTIONS_FROM: u32 = 2049;
    for at in (0..size).step_by(SLOT_SIZE as usize) {
        let Some(number) = program.data(place).and_then(|data| data.number(at)) else { return };
        let slot = match number.checked_sub(ARRAY_FUNCTIONS_FROM) {
            Some(number) => ARRAY_FUNCTIONS.get(number as usize).filter(|_| number < 12),
            None => number.checked_sub(1).and_then(|number| slots.get(number as usize)),
        };
        if let Some((word, wanted)) = slot {
            program.compare(place, at + 4, word, wanted);
        }
    }
}

fn data_of_loops(program: &mut Program<'_>, loops: Place, data: Place, size: u32) {
    for at in (0..size).step_by(4) {
        let Some(name) = program.function(loops, at) else { continue };
        if let Some(wanted) = called_by(name) {
            program.compare(data, at, &format!("called by {name}"), wanted);
        }
    }
}
