//! Exceptions: whether a module has them, and with them what its engine has to have room for.
//!
//! WebAssembly's exceptions are objects of a collector. Wasmtime keeps those of an instance in a heap beside its memory,
//! which takes a slot of the pool as a memory does. Only images that need it pay for that, and the pool is reserved
//! before an image is loaded. So it is decided by the guest's own module: whoever throws has a section of tags, and
//! finding it takes a look at the heads of the sections before it. That answer may be wrong, as the file may have been
//! changed since the image was made. So an image that throws says so itself ([`THROWS`]), and is compared.

use super::Source;
use super::engine::Kind;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use wasmparser::{CompositeInnerType, HeapType, Parser, Payload, RefType, TypeRef, ValType};
use wasmtime::Module;

/// The name under which the budget is exported once more by a module that throws.
pub(super) const THROWS: &str = "ophidia_throws";

/// Sections by their numbers: that of tags lies before these.
const TAGS: u8 = 13;
const LATER: std::ops::RangeInclusive<u8> = 6..=12;

/// What kind of engine an image needs that is made from this.
pub(crate) fn kind(source: Source<'_>) -> Result<Kind> {
    match source {
        Source::Portable(image) => Ok(kind_of(image)),
        Source::Guest { guest, .. } => {
            let wasm = guest.wasm();
            let kind = File::open(&wasm).and_then(read);
            kind.map_err(|error| Error::Image(format!("{}: {error}", wasm.display())))
        }
    }
}

/// The same of a module.
pub(crate) fn kind_of(module: &[u8]) -> Kind {
    // Nothing fails in reading a slice.
    read(Cursor::new(module)).unwrap_or(Kind::Plain)
}

/// Goes from the head of one section to that of the next. What is no module is of the plain kind: others find that out.
fn read(mut module: impl Read + Seek) -> io::Result<Kind> {
    let mut at: u64 = 8;
    loop {
        module.seek(SeekFrom::Start(at))?;
        let mut head = Vec::new();
        module.by_ref().take(6).read_to_end(&mut head)?;
        let Some((id, rest)) = head.split_first() else { return Ok(Kind::Plain) };
        if *id == TAGS {
            return Ok(Kind::Throwing);
        }
        match number(rest) {
            Some((size, read)) if !LATER.contains(id) => at += 1 + read + u64::from(size),
            _ => return Ok(Kind::Plain),
        }
    }
}

/// A number as WebAssembly writes it, seven bits a byte, and how many bytes it takes.
fn number(bytes: &[u8]) -> Option<(u32, u64)> {
    let mut number = 0;
    for (read, byte) in (1..).zip(bytes) {
        number |= u32::from(byte & 0x7F).checked_shl(7 * (read as u32 - 1))?;
        if byte & 0x80 == 0 {
            return Some((number, read));
        }
    }
    None
}

/// Fails when an image throws that is to run in an engine without heaps.
pub(crate) fn check(image: &Module, kind: Kind) -> Result<()> {
    if kind == Kind::Throwing || image.get_export_index(THROWS).is_none() {
        return Ok(());
    }
    Err(Error::Image(
        "it throws exceptions of C++, but the guest that it was made from does not: build that anew, or remove the image \
         from the cache"
            .into(),
    ))
}

/// Fails when a module has objects of a collector other than exceptions, or has them without tags.
///
/// No compiler of C makes such modules, and nobody bounds what they do: arrays may be copied and filled whose sizes
/// take nothing from the budget.
pub(super) fn refuse_others(wasm: &[u8], kind: Kind) -> Result<(), String> {
    let throws = kind == Kind::Throwing;
    let fits = |ty: &ValType| match ty {
        ValType::Ref(ty) => throws || is_function(*ty),
        _ => true,
    };
    let found = |payload: Payload<'_>| -> Result<bool, wasmparser::BinaryReaderError> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for ty in group?.into_types() {
                        let fit = match &ty.composite_type.inner {
                            CompositeInnerType::Func(ty) => {
                                ty.params().iter().chain(ty.results()).all(fits)
                            }
                            _ => false,
                        };
                        if !fit {
                            return Ok(false);
                        }
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if matches!(import?.ty, TypeRef::Tag(_)) {
                        return Ok(false);
                    }
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    if !throws && !is_function(table?.ty.element_type) {
                        return Ok(false);
                    }
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    if !fits(&global?.ty.content_type) {
                        return Ok(false);
                    }
                }
            }
            Payload::CodeSectionEntry(body) if !throws => {
                for locals in body.get_locals_reader()? {
                    if !fits(&locals?.1) {
                        return Ok(false);
                    }
                }
            }
            _ => {}
        }
        Ok(true)
    };
    for payload in Parser::new(0).parse_all(wasm) {
        let fit = payload.and_then(found).map_err(|error| error.to_string())?;
        if !fit {
            return Err("it has references to objects that are neither functions nor exceptions \
                        with tags of its own"
                .into());
        }
    }
    Ok(())
}

/// Whether it refers to a function; those of a type of the module's own do, which are functions all.
fn is_function(ty: RefType) -> bool {
    use wasmparser::AbstractHeapType::{Func, NoFunc};
    match ty.heap_type() {
        HeapType::Abstract { ty, .. } => matches!(ty, Func | NoFunc),
        HeapType::Concrete(_) | HeapType::Exact(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{engine, metering};
    use super::*;
    use wasmtime::{Linker, PoolConcurrencyLimitError, Store};

    fn module(fields: &str) -> Vec<u8> {
        wat::parse_str(format!("(module {fields})")).expect("valid text")
    }

    #[test]
    fn a_module_with_tags_throws() {
        let many = "(func)".repeat(300);
        for (fields, kind) in [
            ("", Kind::Plain),
            ("(func)", Kind::Plain),
            (
                "(memory 1) (global i32 (i32.const 0)) (data (i32.const 0) \"\\0d\\01\")",
                Kind::Plain,
            ),
            ("(tag)", Kind::Throwing),
            ("(memory 1) (tag (param i32)) (global i32 (i32.const 0)) (func)", Kind::Throwing),
            ("(@custom \"a\" (before first) \"\\0d\") (table 1 funcref) (tag)", Kind::Throwing),
            (&format!("{many} (tag)"), Kind::Throwing),
            (&many, Kind::Plain),
        ] {
            assert_eq!(kind_of(&module(fields)), kind, "{fields}");
        }
    }

    #[test]
    fn an_image_that_throws_is_told_from_what_is_said_of_it() {
        let meter = "(import \"ophidia\" \"meter\" (func (param i32))) (memory 1) (global i32 (i32.const 0))";
        for (fields, throws) in
            [("(func (export \"f\"))", false), ("(tag $e) (func (export \"f\") (throw $e))", true)]
        {
            let image = metering::instrument(&module(&format!("{meter} {fields}")));
            let image = image.expect("can be metered");
            assert_eq!(kind_of(&image) == Kind::Throwing, throws);
            for kind in [Kind::Plain, Kind::Throwing] {
                let engine = engine::run(1, engine::STACK, kind).expect("an engine");
                let image = Module::new(&engine, &image).expect("a module");
                let checked = check(&image, kind);
                if !throws || kind == Kind::Throwing {
                    checked.expect("it fits");
                    continue;
                }
                let said = checked.expect_err("no heaps").to_string();
                assert!(said.starts_with("image: it throws exceptions of C++"), "{said}");
                // Wasmtime would refuse every instance of it.
                let mut linker = Linker::new(&engine);
                linker.define_unknown_imports_as_traps(&image).expect("functions");
                let refused = linker.instantiate(&mut Store::new(&engine, ()), &image);
                assert!(refused.is_err_and(|error| error.is::<PoolConcurrencyLimitError>()));
            }
        }
    }

    #[test]
    fn what_is_no_module_does_not_throw() {
        let whole = module("(func) (tag)");
        for len in 0..whole.len() {
            let _ = kind_of(&whole[..len]);
        }
        for wild in
            [&b""[..], b"\0asm", b"\0asm\x01\0\0\0\x01", b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\xff"]
        {
            assert_eq!(kind_of(wild), Kind::Plain, "{wild:?}");
        }
        // A section that ends beyond everything.
        assert_eq!(kind_of(b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\x0f"), Kind::Plain);
    }

    #[test]
    fn other_objects_are_refused() {
        let check = |fields: &str| {
            let wasm = module(fields);
            refuse_others(&wasm, kind_of(&wasm))
        };
        for fits in [
            "(type $f (func)) (func (param (ref null $f)) (local funcref)) (table 1 funcref)",
            "(tag $t (param exnref)) (func (param externref) (local exnref)) (table 1 exnref)",
        ] {
            check(fits).expect(fits);
        }
        for other in [
            "(type (struct (field i32)))",
            "(type (array i32)) (tag)",
            "(func (param exnref))",
            "(func (result externref) unreachable)",
            "(func (local exnref))",
            "(table 1 externref)",
            "(global externref (ref.null extern))",
            "(import \"a\" \"b\" (tag))",
        ] {
            let said = check(other).expect_err(other);
            assert!(said.contains("neither functions nor exceptions"), "{said}");
        }
    }
}
