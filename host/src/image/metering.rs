//! Metering: rewrites the snapshot so that guest code calls the host every few microseconds,
//! whatever it does; without it nothing could stop a loop.
//!
//! A new global counts down from [`BUDGET`]. Code that may run again takes something from it, and
//! when it falls below zero the host is called ([`deadline`](crate::sandbox::control)) with what it is then, and it is
//! filled up. So the host can count all that is ever taken, the same in each run: that is fuel.
//! What takes from it:
//!
//! - the head of every loop: 1; of one without calls and without a loop inside, 1 for each
//!   [`ROUNDS`] rounds, which are counted in a register: such loops may be a few instructions long. What
//!   such a loop carries in locals goes by way of globals around the call of the host: the compiler keeps
//!   what outlives a call on the stack, in every round;
//! - every indirect call, and the entry of enough functions that no cycle of direct calls is without
//!   one ([`survey`]): 1. Recursion ends by itself when the stack does, but until then it may branch
//!   an exponential number of times;
//! - `throw` and `throw_ref`: [`THROW`], since the search for who catches takes microseconds;
//! - `memory.copy` and its like: 1 for each 64 bytes; large ones are done in pieces ([`bulk`]);
//! - the guest's own marks, in place of the calls of [`import::METER`]: 1, and 1 for each 16 code
//!   units of bytecode that follow.
//!
//! In CPython's evaluation loop, the function named [`EVALUATION_LOOP`](ophidia_abi::EVALUATION_LOOP), the loops around such marks take nothing
//! themselves: it runs through the head of its dispatch loop for every instruction, but only a jump backward, a
//! call, a return or an exception can bring it to code that has run before, and each of these is marked
//! (guest-python's `meter-*.patch`). Wasmtime's epochs are compared at that head too, and at the entry of every
//! function. A mark in any other function takes from the budget as well, and the loops around it do as all do.
//!
//! What is trusted: the module, which we made. It is taken at its word about which function is the evaluation
//! loop, and that its marks are where they have to be. What is not: everything that lies in its memory, bytecode
//! and numbers handed to marks included, and whatever it says to the host.
//!
//! The global belongs to the module, so no guest code can write to it; the slow path is marked as
//! unlikely by a branch hint.

mod body;
mod bulk;
mod survey;

use super::exceptions;
use crate::error::{Error, Result};
use body::Writer;
use bulk::Pieces;
use ophidia_abi::{HOST_MODULE, import};
use survey::Survey;
use wasm_encoder::{
    BranchHints, CodeSection, ConstExpr, Encode, ExportKind, GlobalSection, GlobalType, Module,
    RawSection, SectionId, ValType,
};
use wasmparser::{
    BinaryReaderError, FunctionBody, GlobalSectionReader, Parser, Payload, SectionLimited,
};

/// Raised with every change of what is written, so that no image made before is used.
pub(crate) const VERSION: u32 = 6;

/// What guest code takes from before it calls the host: with some 10⁸ loop heads a second a call
/// every 40 µs, which costs 0.1 % of the time.
pub(crate) const BUDGET: i32 = 4_000;

/// The name under which the module exports what is left of it.
pub(crate) const LEFT: &str = "ophidia_budget";

/// Bytes of a bulk memory operation that count as 1, as a power of two.
const BULK_SHIFT: i32 = 6;

/// What an exception counts as. One that is thrown and caught takes 1.6 to 3.7 µs, and 50 to 80 ns for each frame that it
/// leaves, where a loop head takes some 10 ns: this is the price of the costliest with twenty frames.
///
/// It need not grow with the depth, which nobody knows when it is thrown. The frames that it leaves were entered by
/// calls, and recursion cannot go on without taking from the budget: so a thousand frames that are left were paid for
/// when they were entered, and the host is called as often as it would be. What is not paid for so is a chain of direct
/// calls without a cycle; of such frames a program has tens. An object that is thrown again at each frame on its way, as
/// destructors do it, is charged each time.
const THROW: i32 = 512;

/// Rounds of a tight loop that count together: a power of two.
const ROUNDS: i32 = 128;

/// Globals that hold the locals of a tight loop while it calls the host: of each type, how many.
const HELD: [(ValType, u32); 5] = [
    (ValType::I32, 16),
    (ValType::I64, 8),
    (ValType::F32, 16),
    (ValType::F64, 16),
    (ValType::V128, 16),
];

/// Code units of bytecode that count as 1, as a power of two.
const WORK_SHIFT: i32 = 4;

/// Gives the module with the checks in it.
pub(crate) fn instrument(wasm: &[u8]) -> Result<Vec<u8>> {
    instrument_as(wasm, true)
}

/// The same, or with what belongs to the checks and without any: what they cost is measured against it.
pub(crate) fn instrument_as(wasm: &[u8], charges: bool) -> Result<Vec<u8>> {
    rewrite(wasm, charges).map_err(|error| {
        Error::image(format!("the snapshot cannot be metered: {error}")).because(error)
    })
}

fn rewrite(wasm: &[u8], charges: bool) -> Result<Vec<u8>, String> {
    exceptions::refuse_others(wasm)?;
    let survey = Survey::of(wasm).map_err(|error| error.to_string())?;
    let meter = survey
        .meter
        .ok_or_else(|| format!("the guest does not import {HOST_MODULE}.{}", import::METER))?;
    if survey.globals == 0 {
        return Err("it has no global section for the budget to go into".into());
    }
    if survey.functions.is_empty() || !survey.one_memory {
        return Err("it has no functions, or another memory than one of 32 bits".into());
    }
    let copy = survey.imported + u32::try_from(survey.functions.len()).unwrap_or(u32::MAX);
    let pieces = Pieces { ty: survey.types, copy, fill: copy + 1 };
    let writer = Writer { budget: survey.globals, meter, pieces, charges };
    rewrite_with(wasm, &survey, &writer).map_err(|error| error.to_string())
}

fn rewrite_with(
    wasm: &[u8],
    survey: &Survey,
    writer: &Writer,
) -> Result<Vec<u8>, BinaryReaderError> {
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::TypeSection(section) => {
                let (id, added) = (SectionId::Type, bulk::function_type());
                module
                    .section(&RawSection { id: id.into(), data: &with(wasm, &section, 1, &added) });
            }
            Payload::FunctionSection(section) => {
                let (id, added) = (SectionId::Function, writer.pieces.types());
                module
                    .section(&RawSection { id: id.into(), data: &with(wasm, &section, 2, &added) });
            }
            Payload::GlobalSection(section) => {
                module.section(&with_budget(wasm, section)?);
            }
            Payload::ExportSection(section) => {
                let mut added = Vec::new();
                LEFT.encode(&mut added);
                ExportKind::Global.encode(&mut added);
                writer.budget.encode(&mut added);
                let data = with(wasm, &section, 1, &added);
                module.section(&RawSection { id: SectionId::Export.into(), data: &data });
            }
            Payload::CodeSectionStart { .. } => {
                let mut code = CodeSection::new();
                let mut hints = BranchHints::new();
                for (index, function) in (survey.imported..).zip(&survey.functions) {
                    let evaluation_loop = survey.evaluation_loop == Some(index);
                    let (body, unlikely) = writer.function(wasm, function, evaluation_loop)?;
                    code.raw(&body);
                    if !unlikely.is_empty() {
                        hints.function_hints(index, unlikely);
                    }
                }
                for body in bulk::bodies(writer.budget, writer.meter) {
                    code.function(&body);
                }
                module.section(&hints).section(&code);
            }
            Payload::CodeSectionEntry(_) => {}
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    module.section(&RawSection { id, data: wasm.get(range).unwrap_or_default() });
                }
            }
        }
    }
    Ok(module.finish())
}

/// A section with some items more at its end.
fn with<T>(wasm: &[u8], section: &SectionLimited<'_, T>, items: u32, added: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    (section.count() + items).encode(&mut data);
    let old = section.original_position()..section.range().end;
    data.extend_from_slice(wasm.get(old).unwrap_or_default());
    data.extend_from_slice(added);
    data
}

fn with_budget(
    wasm: &[u8],
    section: GlobalSectionReader<'_>,
) -> Result<GlobalSection, BinaryReaderError> {
    let end = section.range().end;
    let mut globals = GlobalSection::new();
    let mut starts = Vec::new();
    for global in section.into_iter_with_offsets() {
        starts.push(global?.0);
    }
    let ends = starts.iter().skip(1).copied().chain([end]);
    for (start, end) in starts.iter().copied().zip(ends) {
        globals.raw(wasm.get(start..end).unwrap_or_default());
    }
    let ty = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    globals.global(ty, &ConstExpr::i32_const(BUDGET));
    for (val_type, count) in HELD {
        let ty = GlobalType { val_type, mutable: true, shared: false };
        let zero = match val_type {
            ValType::I64 => ConstExpr::i64_const(0),
            ValType::F32 => ConstExpr::f32_const(0.0.into()),
            ValType::F64 => ConstExpr::f64_const(0.0.into()),
            ValType::V128 => ConstExpr::v128_const(0),
            _ => ConstExpr::i32_const(0),
        };
        for _ in 0..count {
            globals.global(ty, &zero);
        }
    }
    Ok(globals)
}

/// One function of the module, and what is known of it.
struct Surveyed<'a> {
    body: FunctionBody<'a>,
    /// How many parameters it has.
    params: u32,
    /// Whether something is taken when it is entered.
    on_entry: bool,
    /// Its loops, in order of appearance.
    loops: Vec<Loop>,
    /// Of each loop the locals that come into a round with a value, as far as it has no loop inside.
    carried: Vec<Vec<(u32, ValType)>>,
}

/// What kind of loop it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Loop {
    /// Nothing is called in it, and no loop lies in it.
    Tight,
    /// Any other loop.
    Long,
    /// A mark of the bridge lies in it.
    Marked,
}

#[cfg(test)]
mod tests;
