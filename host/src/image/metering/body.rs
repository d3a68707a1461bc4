//! Function bodies: what was there is copied byte for byte, the checks come in between.

use super::bulk::{self, Pieces};
use super::{BUDGET, BULK_SHIFT, HELD, Loop, ROUNDS, Surveyed, THROW, WORK_SHIFT};
use wasm_encoder::{BlockType, BranchHint, Encode, Instruction, ValType};
use wasmparser::{BinaryReaderError, Operator};

/// Writes function bodies.
pub(super) struct Writer {
    /// The global that counts down.
    pub(super) budget: u32,
    /// The function of the host.
    pub(super) meter: u32,
    /// The functions for large bulk operations.
    pub(super) pieces: Pieces,
    /// Whether anything is taken.
    pub(super) charges: bool,
}

/// What is taken from the budget.
enum Charge {
    One,
    /// According to the number of bytes on the stack, which stays there.
    Bulk,
    /// For a round of a tight loop.
    Round,
    /// For an exception.
    Throw,
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
    pub(super) fn function(
        &self,
        wasm: &[u8],
        function: &Surveyed<'_>,
        evaluation_loop: bool,
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
                Operator::Throw { .. } | Operator::ThrowRef => body.charge(&Charge::Throw, &[]),
                Operator::MemoryCopy { .. } => {
                    body.bulk(self.pieces.copy, &bulk::COPY);
                    continue;
                }
                Operator::MemoryFill { .. } => {
                    body.bulk(self.pieces.fill, &bulk::FILL);
                    continue;
                }
                Operator::MemoryInit { .. }
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
                    Some((Loop::Marked, _)) if evaluation_loop => {}
                    Some((Loop::Marked | Loop::Long, _)) => body.charge(&Charge::One, &[]),
                    None => {}
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
    fn locals(&mut self, wasm: &[u8], function: &Surveyed<'_>) -> Result<(), BinaryReaderError> {
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
        if !self.writer.charges {
            if matches!(charge, Charge::Work) {
                self.add(&[I::Drop]);
            }
            return;
        }
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
            self.unlikely_if(BlockType::Empty);
        }
        // What is taken at once is below 2^29, and so is what is there: neither can wrap around.
        let some = |amount| [I::GlobalGet(budget), I::I32Const(amount), I::I32Sub];
        match charge {
            Charge::One | Charge::Round => self.add(&some(1)),
            Charge::Throw => self.add(&some(THROW)),
            Charge::Bulk => self.less_bulk(),
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
        self.unlikely_if_spent(BlockType::Empty);
        for (local, global) in &held {
            self.add(&[I::LocalGet(*local), I::GlobalSet(*global)]);
        }
        self.add(&[I::GlobalGet(budget), I::I32Const(BUDGET), I::GlobalSet(budget)]);
        self.add(&[I::Call(self.writer.meter)]);
        for (local, global) in &held {
            self.add(&[I::GlobalGet(*global), I::LocalSet(*local)]);
        }
        self.add(&[I::End]);
        if matches!(charge, Charge::Round) {
            self.add(&[I::End]);
        }
    }

    /// The budget, less what the number of bytes on the stack takes, which stays there.
    fn less_bulk(&mut self) {
        use Instruction as I;
        let (budget, scratch) = (self.writer.budget, self.scratch);
        self.add(&[I::LocalTee(scratch), I::GlobalGet(budget), I::LocalGet(scratch)]);
        self.add(&[I::I32Const(BULK_SHIFT), I::I32ShrU, I::I32Sub]);
    }

    /// `plain` as long as the budget pays for it, else the function that does the same in pieces.
    fn bulk(&mut self, in_pieces: u32, plain: &Instruction<'_>) {
        use Instruction as I;
        if !self.writer.charges {
            return self.add(std::slice::from_ref(plain));
        }
        self.less_bulk();
        self.unlikely_if_spent(BlockType::FunctionType(self.writer.pieces.ty));
        self.add(&[I::Call(in_pieces), I::Else, plain.clone(), I::End]);
    }

    /// The budget becomes what is on the stack; a block follows for when nothing is left of it.
    fn unlikely_if_spent(&mut self, ty: BlockType) {
        use Instruction as I;
        let budget = self.writer.budget;
        self.add(&[I::GlobalSet(budget), I::GlobalGet(budget), I::I32Const(0), I::I32LtS]);
        self.unlikely_if(ty);
    }

    fn unlikely_if(&mut self, ty: BlockType) {
        let branch_func_offset = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.unlikely.push(BranchHint { branch_func_offset, branch_hint_value: 0 });
        self.add(&[Instruction::If(ty)]);
    }

    fn add(&mut self, instructions: &[Instruction<'_>]) {
        for instruction in instructions {
            instruction.encode(&mut self.bytes);
        }
    }
}
