//! The table of functions, made so large that its memory costs nothing before it is used.
//!
//! Wasmtime takes an instance's table from the process' allocator, as zeros, and fills an entry in when it is first called
//! through. The guest's 97 KiB would be cleared for each interpreter, and stay: an allocator has pieces of that size at hand, which
//! somebody has used before. One of more than 32 MiB it asks the system for, and gives it back: glibc's never has those at
//! hand, whatever was freed before. So pages of the table that nothing is called through are not there. Entries behind the guest's own
//! are empty: a call through one of them is a trap too.

use super::extent;
use wasm_encoder::{RawSection, RefType, TableSection, TableType};
use wasmparser::{BinaryReaderError, Parser, Payload, TableInit};

/// Entries of 8 bytes that take more than 32 MiB together.
const ROOM: u64 = (4 << 20) + 512;

/// Tables that are left as they are: an allocator clears them in no time.
const SMALL: u64 = 4_096;

/// Whether a table may be of this size, given the one it has: more than the guest's own is only there from the start.
pub(crate) fn may_be(current: usize, desired: usize) -> bool {
    desired <= extent::TABLE || (current == 0 && desired as u64 == ROOM)
}

/// Gives a module whose table has this room, if it has one that is neither small nor may grow.
pub(super) fn with_room(wasm: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut module = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let Payload::TableSection(section) = &payload {
            let tables = section.clone().into_iter().collect::<Result<Vec<_>, _>>()?;
            if let [table] = tables.as_slice()
                && table.ty.element_type == wasmparser::RefType::FUNCREF
                && matches!(table.init, TableInit::RefNull)
                && table.ty.maximum == Some(table.ty.initial)
                && (SMALL..ROOM).contains(&table.ty.initial)
                && !table.ty.table64
            {
                let mut tables = TableSection::new();
                tables.table(TableType {
                    element_type: RefType::FUNCREF,
                    table64: false,
                    minimum: ROOM,
                    maximum: Some(ROOM),
                    shared: false,
                });
                module.section(&tables);
                continue;
            }
        }
        if let Some((id, range)) = payload.as_section() {
            module.section(&RawSection { id, data: wasm.get(range).unwrap_or_default() });
        }
    }
    Ok(module.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::{Engine, Instance, Module, Store, Trap};

    /// What the export `run` of a module gives, as it is and with room in its table.
    fn run(fields: &str) -> [Result<i32, Trap>; 2] {
        let wasm = wat::parse_str(format!("(module {fields})")).expect("valid text");
        [wasm.clone(), with_room(&wasm).expect("a module")].map(|wasm| {
            let engine = Engine::default();
            let module = Module::new(&engine, wasm).expect("still a module");
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).expect("no imports");
            let run = instance.get_typed_func::<(), i32>(&mut store, "run").expect("exported");
            run.call(&mut store, ()).map_err(|error| *error.downcast_ref().expect("a trap"))
        })
    }

    #[test]
    fn functions_are_where_they_were_and_nothing_is_behind_them() {
        let module = |at| {
            format!(
                "(type $f (func (result i32))) (table 5000 5000 funcref) (elem (i32.const 1) $one $two)
                 (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
                 (func (export \"run\") (result i32) (call_indirect (type $f) (i32.const {at})))"
            )
        };
        assert_eq!(run(&module(1)), [Ok(1), Ok(1)]);
        assert_eq!(run(&module(2)), [Ok(2), Ok(2)]);
        for nothing in [0, 3, 4_999] {
            assert_eq!(run(&module(nothing)), [Err(Trap::IndirectCallToNull); 2]);
        }
        let behind = [Err(Trap::TableOutOfBounds), Err(Trap::IndirectCallToNull)];
        assert_eq!(run(&module(5_000)), behind);
        assert_eq!(run(&module(-1)), [Err(Trap::TableOutOfBounds); 2]);
    }

    #[test]
    fn other_tables_are_left_alone() {
        for fields in
            ["", "(table 10 10 funcref)", "(table 5000 funcref)", "(table 5000 5000 externref)"]
        {
            let wasm = wat::parse_str(format!("(module {fields})")).expect("valid text");
            assert_eq!(with_room(&wasm).expect("a module"), wasm, "{fields}");
        }
        assert!(may_be(0, ROOM as usize) && may_be(1, extent::TABLE));
        assert!(!may_be(1, ROOM as usize) && !may_be(0, extent::TABLE + 1));
    }
}
