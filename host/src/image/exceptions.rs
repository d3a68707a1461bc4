//! Exceptions: which modules have them, and what else of a collector no module may have.
//!
//! WebAssembly's exceptions are objects of a collector. Wasmtime keeps those of an instance in a heap beside its memory,
//! which is made when the first one is thrown.

use wasmparser::{CompositeInnerType, HeapType, Parser, Payload, RefType, TypeRef, ValType};

/// Fails when a module has objects of a collector other than exceptions, or has them without tags.
///
/// No compiler of C makes such modules, and nobody bounds what they do: arrays may be copied and filled whose sizes
/// take nothing from the budget.
pub(super) fn refuse_others(wasm: &[u8]) -> Result<(), String> {
    let throws = has_tags(wasm);
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

/// Whether a module throws: it has tags then.
fn has_tags(wasm: &[u8]) -> bool {
    Parser::new(0).parse_all(wasm).any(|payload| matches!(payload, Ok(Payload::TagSection(_))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(fields: &str) -> Vec<u8> {
        wat::parse_str(format!("(module {fields})")).expect("valid text")
    }

    #[test]
    fn other_objects_are_refused() {
        let check = |fields: &str| {
            let wasm = module(fields);
            refuse_others(&wasm)
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
