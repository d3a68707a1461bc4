//! Names of one package are hidden from the others, so that two may define the same.

use wasmparser::{SymbolFlags, SymbolInfo};

use super::sections::Sections;

/// Makes each strong definition of a function or of data local, but those for which `keep` holds. Gives the
/// object and how many were made local.
///
/// Weak definitions stay: C++ defines inline functions in every object that uses them, and the linker takes
/// one of each.
pub(crate) fn localize(
    object: &[u8],
    keep: &dyn Fn(&str) -> bool,
) -> Result<(Vec<u8>, usize), String> {
    let sections = Sections::read(object)?;
    let mut bytes = object.to_vec();
    let mut count = 0;
    for (start, symbol) in &sections.symbols {
        let (flags, name) = match *symbol {
            SymbolInfo::Func { flags, name: Some(name), .. } => (flags, name),
            SymbolInfo::Data { flags, name, .. } => (flags, name),
            _ => continue,
        };
        let others =
            SymbolFlags::UNDEFINED | SymbolFlags::BINDING_WEAK | SymbolFlags::BINDING_LOCAL;
        if flags.intersects(others) || keep(name) {
            continue;
        }
        // The kind is one byte. The flags are of variable length, the lowest seven bits first.
        let flags = bytes.get_mut(start + 1).ok_or("a symbol beyond the end")?;
        *flags |= SymbolFlags::BINDING_LOCAL.bits() as u8;
        count += 1;
    }
    Ok((bytes, count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::wasm::sample::{LOCAL, Sample, UNDEFINED, WEAK, flags_of, validate};

    fn sample() -> Vec<u8> {
        Sample::default()
            .function("outside", UNDEFINED, "i>i")
            .function("PyInit_sample", 0, ">i")
            .function("helper", 4, "i>i")
            .function("inlined", WEAK, "i>i")
            .function("own", LOCAL, "i>i")
            .data("table", 0, &[0; 4])
            .data("constant", WEAK, &[0; 4])
            .build()
    }

    #[test]
    fn strong_definitions_become_local_and_all_else_stays() {
        let object = sample();
        let keep = |name: &str| name.starts_with("PyInit_");
        let (localized, count) = localize(&object, &keep).expect("an object");
        assert_eq!(count, 2);
        validate(&localized).expect("valid");
        for (name, flags) in [
            ("outside", UNDEFINED),
            ("PyInit_sample", 0),
            ("helper", 4 | LOCAL),
            ("inlined", WEAK),
            ("own", LOCAL),
            ("table", LOCAL),
            ("constant", WEAK),
        ] {
            assert_eq!(flags_of(&localized, name), Some(flags), "{name}");
        }
        let (again, count) = localize(&localized, &keep).expect("an object");
        assert_eq!((count, again), (0, localized));
    }

    #[test]
    fn nothing_but_the_flags_changes() {
        let object = sample();
        let (localized, count) = localize(&object, &|_| false).expect("an object");
        assert_eq!((count, localized.len()), (3, object.len()));
        let changed = object.iter().zip(&localized).filter(|(old, new)| old != new);
        assert_eq!(changed.count(), 3);
        let (kept, count) = localize(&object, &|_| true).expect("an object");
        assert_eq!((count, kept), (0, object));
    }
}
