//! Metering: rewrites the snapshot so that guest code calls the host every few microseconds,
//! whatever it does; without it nothing could stop a loop.
//!
//! A new global counts down from [`BUDGET`]. Code that may run again takes something from it, and
//! when it falls below zero it is filled up and the host is called ([`deadline`](crate::sandbox::control)).
//! What takes from it:
//!
//! - the head of every loop: 1; of one without calls and without a loop inside, 1 for each
//!   [`ROUNDS`] rounds, which are counted in a register: such loops may be a few instructions long. What
//!   such a loop carries in locals goes by way of globals around the call of the host: the compiler keeps
//!   what outlives a call on the stack, in every round;
//! - every indirect call, and the entry of enough functions that no cycle of direct calls is without
//!   one ([`survey`]): 1. Recursion ends by itself when the stack does, but until then it may branch
//!   an exponential number of times;
//! - `memory.copy` and its like: 1 for each 64 bytes;
//! - the bridge's own marks, in place of the calls of [`import::METER`]: 1, and 1 for each 16 code
//!   units of bytecode that follow.
//!
//! The loops around such marks take nothing themselves: CPython's evaluation loop runs through the
//! head of its dispatch loop for every instruction, but only a jump backward, a call, a return or an
//! exception can bring it to code that has run before, and each of these is marked (guest-python's
//! `meter-*.patch`). Wasmtime's epochs are compared at that head too, and at the entry of every function.
//!
//! The global belongs to the module, so no guest code can write to it; the slow path is marked as
//! unlikely by a branch hint.

mod survey;

use crate::error::{Error, Result};
use ophidia_abi::{HOST_MODULE, import};
use survey::Survey;
use wasm_encoder::{
    BlockType, BranchHint, BranchHints, CodeSection, ConstExpr, Encode, GlobalSection, GlobalType,
    Instruction, Module, RawSection, ValType,
};
use wasmparser::{BinaryReaderError, FunctionBody, GlobalSectionReader, Operator, Parser, Payload};

/// Raised with every change of what is written, so that no image made before is used.
pub(crate) const VERSION: u32 = 3;

/// What guest code takes from before it calls the host: with some 10⁸ loop heads a second a call
/// every 40 µs, which costs 0.1 % of the time.
const BUDGET: i32 = 4_000;

/// Bytes of a bulk memory operation that count as 1, as a power of two.
const BULK_SHIFT: i32 = 6;

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
    rewrite(wasm).map_err(|error| Error::Image(format!("the snapshot cannot be metered: {error}")))
}

fn rewrite(wasm: &[u8]) -> Result<Vec<u8>, String> {
    let survey = Survey::of(wasm).map_err(|error| error.to_string())?;
    let meter = survey
        .meter
        .ok_or_else(|| format!("the guest does not import {HOST_MODULE}.{}", import::METER))?;
    if survey.globals == 0 {
        return Err("it has no global section for the budget to go into".into());
    }
    let writer = Writer { budget: survey.globals, meter };
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
            Payload::GlobalSection(section) => {
                module.section(&with_budget(wasm, section)?);
            }
            Payload::CodeSectionStart { .. } => {
                let mut code = CodeSection::new();
                let mut hints = BranchHints::new();
                for (index, function) in (survey.imported..).zip(&survey.functions) {
                    let (body, unlikely) = writer.function(wasm, function)?;
                    code.raw(&body);
                    if !unlikely.is_empty() {
                        hints.function_hints(index, unlikely);
                    }
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
struct Function<'a> {
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

/// Writes function bodies: what was there is copied byte for byte, the checks come in between.
struct Writer {
    /// The global that counts down.
    budget: u32,
    /// The function of the host.
    meter: u32,
}

/// What is taken from the budget.
enum Charge {
    One,
    /// According to the number of bytes on the stack, which stays there.
    Bulk,
    /// For a round of a tight loop.
    Round,
    /// According to the number of code units on the stack, which is taken from there.
    Work,
}

impl Writer {
    /// The globals for some locals; what there is no room for is left out.
    fn held(&self, locals: &[(u32, ValType)]) -> Vec<(u32, u32)> {
        let mut held = Vec::new();
        let mut first = self.budget + 1;
        for (ty, count) in HELD {
            let locals = locals.iter().filter(|local| local.1 == ty).map(|local| local.0);
            held.extend(locals.zip(first..first + count));
            first += count;
        }
        held
    }

    /// The body of a function with its checks, and the hints that say their slow paths are unlikely.
    fn function(
        &self,
        wasm: &[u8],
        function: &Function<'_>,
    ) -> Result<(Vec<u8>, Vec<BranchHint>), BinaryReaderError> {
        let mut body =
            Body { writer: self, scratch: 0, rounds: 0, bytes: Vec::new(), unlikely: Vec::new() };
        body.locals(wasm, function)?;
        if function.on_entry {
            body.charge(&Charge::One, &[]);
        }
        let mut loops = function.loops.iter().zip(&function.carried);
        let mut operators = function.body.get_operators_reader()?;
        while !operators.eof() {
            let start = operators.original_position();
            let operator = operators.read()?;
            match operator {
                Operator::Call { function_index } if function_index == self.meter => {
                    body.charge(&Charge::Work, &[]);
                    continue;
                }
                Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => {
                    body.charge(&Charge::One, &[]);
                }
                Operator::MemoryCopy { .. }
                | Operator::MemoryFill { .. }
                | Operator::MemoryInit { .. }
                | Operator::TableCopy { .. }
                | Operator::TableFill { .. }
                | Operator::TableInit { .. } => body.charge(&Charge::Bulk, &[]),
                _ => {}
            }
            body.bytes.extend_from_slice(
                wasm.get(start..operators.original_position()).unwrap_or_default(),
            );
            if matches!(operator, Operator::Loop { .. }) {
                match loops.next() {
                    Some((Loop::Tight, carried)) => body.charge(&Charge::Round, carried),
                    Some((Loop::Long, _)) => body.charge(&Charge::One, &[]),
                    Some((Loop::Marked, _)) | None => {}
                }
            }
        }
        Ok((body.bytes, body.unlikely))
    }
}

struct Body<'a> {
    writer: &'a Writer,
    /// A local of our own, for the amount of a charge.
    scratch: u32,
    /// Another, which counts the rounds of tight loops.
    rounds: u32,
    bytes: Vec<u8>,
    unlikely: Vec<BranchHint>,
}

impl Body<'_> {
    /// The function's own locals, and two more.
    fn locals(&mut self, wasm: &[u8], function: &Function<'_>) -> Result<(), BinaryReaderError> {
        let mut groups = function.body.get_locals_reader()?;
        let count = groups.get_count();
        let start = groups.original_position();
        self.scratch = function.params;
        for _ in 0..count {
            self.scratch += groups.read()?.0;
        }
        (count + 1).encode(&mut self.bytes);
        self.bytes
            .extend_from_slice(wasm.get(start..groups.original_position()).unwrap_or_default());
        self.rounds = self.scratch + 1;
        2u32.encode(&mut self.bytes);
        ValType::I32.encode(&mut self.bytes);
        Ok(())
    }

    /// Takes from the budget; these locals are held in globals while the host is called.
    fn charge(&mut self, charge: &Charge, locals: &[(u32, ValType)]) {
        use Instruction as I;
        let held = self.writer.held(locals);
        let (budget, scratch) = (self.writer.budget, self.scratch);
        if matches!(charge, Charge::Round) {
            self.add(&[
                I::LocalGet(self.rounds),
                I::I32Const(1),
                I::I32Add,
                I::LocalTee(self.rounds),
                I::I32Const(ROUNDS - 1),
                I::I32And,
                I::I32Eqz,
            ]);
            self.unlikely_if();
        }
        // What is taken at once is below 2^29, and so is what is there: neither can wrap around.
        match charge {
            Charge::One | Charge::Round => {
                self.add(&[I::GlobalGet(budget), I::I32Const(1), I::I32Sub])
            }
            Charge::Bulk => self.add(&[
                I::LocalTee(scratch),
                I::GlobalGet(budget),
                I::LocalGet(scratch),
                I::I32Const(BULK_SHIFT),
                I::I32ShrU,
                I::I32Sub,
            ]),
            Charge::Work => self.add(&[
                I::LocalSet(scratch),
                I::GlobalGet(budget),
                I::I32Const(1),
                I::I32Sub,
                I::LocalGet(scratch),
                I::I32Const(WORK_SHIFT),
                I::I32ShrU,
                I::I32Sub,
            ]),
        }
        self.add(&[I::GlobalSet(budget), I::GlobalGet(budget), I::I32Const(0), I::I32LtS]);
        self.unlikely_if();
        self.add(&[I::I32Const(BUDGET), I::GlobalSet(budget)]);
        for (local, global) in &held {
            self.add(&[I::LocalGet(*local), I::GlobalSet(*global)]);
        }
        self.add(&[I::I32Const(0), I::Call(self.writer.meter)]);
        for (local, global) in &held {
            self.add(&[I::GlobalGet(*global), I::LocalSet(*local)]);
        }
        self.add(&[I::End]);
        if matches!(charge, Charge::Round) {
            self.add(&[I::End]);
        }
    }

    fn unlikely_if(&mut self) {
        let branch_func_offset = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.unlikely.push(BranchHint { branch_func_offset, branch_hint_value: 0 });
        self.add(&[Instruction::If(BlockType::Empty)]);
    }

    fn add(&mut self, instructions: &[Instruction<'_>]) {
        for instruction in instructions {
            instruction.encode(&mut self.bytes);
        }
    }
}

#[cfg(test)]
mod tests;
