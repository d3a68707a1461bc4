//! How large an instance is beside its memory: one table, and a structure with a place for each global and for each
//! function that is referred to. A guest's own are far smaller. But an image may come from elsewhere
//! ([`Source::Portable`](super::Source)), and what it takes there is in no limit of an interpreter.

use crate::error::{Error, Result};
use wasmparser::{BinaryReaderError, ElementItems, Parser, Payload};

/// Entries of a table, at its start and later.
pub(crate) const TABLE: usize = 32_768;

/// What the structure may take, in bytes: 1 MiB.
const INSTANCE: u64 = 1 << 20;

/// What wasmtime takes for a global, and for a function that is referred to.
const GLOBAL: u64 = 16;
const FUNCTION: u64 = 32;

/// Fails when an instance of this module would be too large.
pub(super) fn check(wasm: &[u8]) -> Result<()> {
    let of = Extent::of(wasm)
        .map_err(|error| Error::image(format!("the snapshot: {error}")).because(error))?;
    let bytes = of.globals * GLOBAL + of.functions * FUNCTION;
    let too = if of.tables > 1 {
        format!("{} tables, 1 possible", of.tables)
    } else if of.table > TABLE as u64 {
        format!("a table of {} functions, {TABLE} possible", of.table)
    } else if bytes > INSTANCE {
        format!(
            "{} globals and {} functions that are referred to, which take {bytes} bytes of {INSTANCE}",
            of.globals, of.functions
        )
    } else {
        return Ok(());
    };
    Err(Error::image(format!("the snapshot has {too}")))
}

#[derive(Default)]
struct Extent {
    tables: u32,
    table: u64,
    globals: u64,
    functions: u64,
}

impl Extent {
    fn of(wasm: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut of = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TableSection(section) => {
                    for table in section {
                        of.tables += 1;
                        of.table = of.table.max(table?.ty.initial);
                    }
                }
                Payload::GlobalSection(section) => of.globals += u64::from(section.count()),
                Payload::ExportSection(section) => of.functions += u64::from(section.count()),
                Payload::ElementSection(section) => {
                    for element in section {
                        of.functions += u64::from(match element?.items {
                            ElementItems::Functions(items) => items.count(),
                            ElementItems::Expressions(_, items) => items.count(),
                        });
                    }
                }
                _ => {}
            }
        }
        Ok(of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(fields: &str) -> String {
        let wasm = wat::parse_str(format!("(module {fields})")).expect("valid text");
        check(&wasm).expect_err("too large").to_string()
    }

    #[test]
    fn what_is_too_large_is_refused() {
        assert!(said("(table 1 funcref) (table 1 funcref)").contains("2 tables"));
        assert!(said("(table 32769 funcref)").contains("32769 functions, 32768 possible"));
        let many = "(global i32 (i32.const 0))".repeat(70_000);
        assert!(said(&many).contains("70000 globals"));
        let many = format!("(func $f) (elem declare func {})", "$f ".repeat(40_000));
        assert!(said(&many).contains("40000 functions that are referred to"));
        let fits = wat::parse_str("(module (table 32768 funcref) (global i32 (i32.const 0)))");
        check(&fits.expect("valid text")).expect("it fits");
    }
}
