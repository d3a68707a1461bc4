//! The object that a package's modules are linked into is mended, before the guest is linked.
//!
//! Two things that a shared library forgives would go wrong in one program. Functions are called through
//! pointers as another type than theirs, which traps ([`signatures`] finds them, [`adapt`] wraps them). And
//! two packages define the same name ([`localize`] hides them from one another).

mod adapt;
mod encode;
pub(crate) mod layouts;
mod localize;
pub(crate) mod object;
pub(crate) mod program;
#[cfg(test)]
mod sample;
pub(crate) mod sections;
pub(crate) mod signatures;

use crate::Error;
use crate::error::At as _;
use crate::recipe::progress::file_name;
use adapt::Change;
use object::Object;
use program::Program;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What was found in an object, and done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mended {
    /// How many pointers to functions were compared with what they are called as.
    pub(crate) compared: usize,
    /// What was adapted, a line for each pointer: the function, both signatures and the place.
    pub(crate) adapted: Vec<String>,
    /// How many names other objects see no longer.
    pub(crate) localized: usize,
}

/// Mends a package's object in its place: functions of the wrong type get adapters, and names for which `keep`
/// does not hold become the package's own. Functions of the names in `known` are left as they are.
///
/// # Errors
///
/// [`Error::Unexpected`] when it is no object; when a function can only be patched, of which all are named at
/// once; and when one of `known` is of the right type.
pub(crate) fn mend(
    object: &Path,
    keep: &dyn Fn(&str) -> bool,
    known: &[String],
) -> Result<Mended, Error> {
    let bytes = fs::read(object).at("read", object)?;
    let (bytes, mended) = mended(file_name(object), &bytes, keep, known)
        .map_err(|reason| Error::Unexpected { path: object.to_owned(), reason })?;
    fs::write(object, bytes).at("write", object)?;
    Ok(mended)
}

fn mended(
    name: String,
    bytes: &[u8],
    keep: &dyn Fn(&str) -> bool,
    known: &[String],
) -> Result<(Vec<u8>, Mended), String> {
    let objects = [Object::parse(name, bytes)?];
    let mut program = Program::new(&objects);
    signatures::audit(&mut program);
    let (mut changes, mut adapted, mut complaints) = (Vec::new(), Vec::new(), Vec::new());
    let mut missing: BTreeSet<&String> = known.iter().collect();
    for mismatch in &program.mismatches {
        if known.contains(&mismatch.function) {
            missing.remove(&mismatch.function);
            continue;
        }
        match adapt::obstacle(&mismatch.found, mismatch.wanted) {
            Some(why) => complaints.push(format!("{mismatch}: {why}")),
            None => {
                adapted.push(mismatch.to_string());
                changes.push(Change { site: mismatch.site, wanted: mismatch.wanted.to_owned() });
            }
        }
    }
    if !complaints.is_empty() {
        let list = complaints.join("\n  ");
        return Err(format!(
            "these calls would trap:\n  {list}\n(put a patch that corrects the function into the package's folder)"
        ));
    }
    if let Some(name) = missing.first() {
        return Err(format!("{name} is of the right type (take it out of the known findings)"));
    }
    let bytes = adapt::adapt(bytes, &changes)?;
    let (bytes, localized) = localize::localize(&bytes, keep)?;
    Ok((bytes, Mended { compared: program.compared(), adapted, localized }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sample::{LOCAL, Sample, flags_of, validate};
    use sections::Sections;

    /// The flags of a method without arguments, `PyMethodDef`'s third word.
    const METH_NOARGS: u8 = 4;

    /// An object with one method, `shout`, and a function that sets a slot of a suite of numbers.
    fn package(method: &'static str) -> Vec<u8> {
        let mut methods = [0; 32];
        methods[8] = METH_NOARGS;
        Sample::default()
            .function("shout_impl", LOCAL, method)
            .function("negative", LOCAL, ">i")
            .function("PyInit_loud", 0, ">i")
            .data("text", LOCAL, b"shout\0")
            .data("methods", 0, &methods)
            .data_at(0, 3)
            .function_at(4, 0)
            .data("loud_as_number", 0, &[0; 100])
            .store(5, 24, 1)
            .build()
    }

    fn is_kept(name: &str) -> bool {
        name.starts_with("PyInit_")
    }

    fn mend_bytes(bytes: &[u8], known: &[String]) -> Result<(Vec<u8>, Mended), String> {
        mended("loud.o".into(), bytes, &is_kept, known)
    }

    #[test]
    fn a_package_is_mended_in_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("loud.o");
        fs::write(&path, package("i>i")).expect("written");
        let mended = mend(&path, &is_kept, &[]).expect("mended");
        let adapted = [
            "shout_impl is i>i but called as ii>i (loud.o, methods, shout)",
            "negative is >i but called as i>i (loud.o, loud_as_number, nb_negative)",
        ];
        assert_eq!(
            mended,
            Mended { compared: 2, adapted: adapted.map(Into::into).into(), localized: 2 }
        );
        let bytes = fs::read(&path).expect("read");
        validate(&bytes).expect("valid");
        assert_eq!(flags_of(&bytes, "methods"), Some(LOCAL));
        assert_eq!(flags_of(&bytes, "PyInit_loud"), Some(0));
        let again = mend(&path, &is_kept, &[]).expect("nothing to do");
        assert_eq!(again, Mended { compared: 2, adapted: vec![], localized: 0 });
        assert_eq!(fs::read(&path).expect("read"), bytes);
    }

    #[test]
    fn what_can_only_be_patched_is_an_error_with_the_place_and_the_way_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("loud.o");
        fs::write(&path, package("iii>i")).expect("written");
        let said = mend(&path, &is_kept, &[]).expect_err("refused").to_string();
        for part in
            ["loud.o: ", "shout_impl is iii>i but called as ii>i", "methods, shout", "patch"]
        {
            assert!(said.contains(part), "{said}");
        }
        assert_eq!(fs::read(&path).expect("read"), package("iii>i"));
    }

    #[test]
    fn known_findings_are_left_alone_and_have_to_be_there() {
        let known = ["shout_impl".to_owned()];
        let (_, mended) = mend_bytes(&package("iii>i"), &known).expect("mended");
        assert_eq!(mended.adapted.len(), 1);
        let said = mend_bytes(&package("ii>i"), &known).expect_err("refused");
        assert!(said.contains("shout_impl is of the right type"), "{said}");
    }

    /// Mends what is no object any more: an error, or an object.
    fn damaged(bytes: &[u8]) {
        if let Ok((out, _)) = mend_bytes(bytes, &[]) {
            Sections::read(&out).expect("an object");
            if validate(bytes).is_ok() {
                validate(&out).expect("as valid as before");
            }
        }
    }

    #[test]
    fn damaged_objects_give_errors_or_objects() {
        let object = package("i>i");
        for length in 0..object.len() {
            damaged(&object[..length]);
        }
        for at in 0..object.len() {
            for bit in 0..8 {
                let mut bytes = object.clone();
                bytes[at] ^= 1 << bit;
                damaged(&bytes);
            }
            for byte in [0, 0x7f, 0x80, 0xff] {
                let mut bytes = object.clone();
                bytes[at] = byte;
                damaged(&bytes);
            }
        }
    }
}
