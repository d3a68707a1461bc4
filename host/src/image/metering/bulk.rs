//! `memory.copy` and `memory.fill` in pieces: two functions that are added to the module.
//!
//! One such instruction may write 4 GiB, which takes seconds, and nothing can stop an instruction. So whatever
//! is larger than a budget pays for goes to one of these functions instead, which call the host after each
//! piece. The pieces of a copy go upward or downward, so that an overlap is copied as if it were read first. What
//! reaches beyond the memory is left to the plain instruction, which traps before it has written a byte.
//!
//! Other instructions of this kind need no pieces: `memory.init` is bounded by the module's own data, which we
//! made, and a table by the number of its elements.

use super::{BUDGET, BULK_SHIFT};
use wasm_encoder::{BlockType, Encode, Function, Instruction};

/// Bytes of one piece: copied in some ten microseconds.
pub(super) const PIECE: i32 = 1 << 18;

// More than a piece is more than a whole budget, so the look at the budget finds it: no second comparison.
const _: () = assert!(PIECE >> BULK_SHIFT > BUDGET);

/// The functions of this module, by index.
#[derive(Clone, Copy)]
pub(super) struct Pieces {
    /// Their type: three numbers, no result.
    pub(super) ty: u32,
    pub(super) copy: u32,
    pub(super) fill: u32,
}

impl Pieces {
    /// What the function section has of them.
    pub(super) fn types(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.ty.encode(&mut bytes);
        self.ty.encode(&mut bytes);
        bytes
    }
}

/// Their type as the type section has it: a function of three `i32` that gives nothing.
pub(super) fn function_type() -> [u8; 6] {
    [0x60, 3, 0x7F, 0x7F, 0x7F, 0]
}

/// The plain instructions.
pub(super) const COPY: Instruction<'static> = Instruction::MemoryCopy { src_mem: 0, dst_mem: 0 };
pub(super) const FILL: Instruction<'static> = Instruction::MemoryFill(0);

/// What an instruction does with its three operands.
#[derive(Clone, Copy)]
enum Bulk {
    /// To, from, length.
    Copy,
    /// To, byte, length.
    Fill,
}

/// The bodies, in the order of their indices.
pub(super) fn bodies(budget: u32, meter: u32) -> [Function; 2] {
    [Bulk::Copy, Bulk::Fill].map(|bulk| body(bulk, budget, meter))
}

/// The operands are the parameters.
const TO: u32 = 0;
const FROM: u32 = 1;
const LEN: u32 = 2;

fn body(bulk: Bulk, budget: u32, meter: u32) -> Function {
    use Instruction as I;
    let plain = match bulk {
        Bulk::Copy => COPY,
        Bulk::Fill => FILL,
    };
    let look = [I::GlobalGet(budget), I::I32Const(BUDGET), I::GlobalSet(budget), I::Call(meter)];
    let whole = [I::LocalGet(TO), I::LocalGet(FROM), I::LocalGet(LEN), plain.clone()];
    let mut function = Function::new([]);
    let mut add = |instructions: &[Instruction<'_>]| {
        for instruction in instructions {
            function.instruction(instruction);
        }
    };
    add(&look);
    // Small, or out of bounds: at once.
    add(&[I::LocalGet(LEN), I::I32Const(PIECE), I::I32LeU]);
    add(&beyond_memory(TO));
    if matches!(bulk, Bulk::Copy) {
        add(&beyond_memory(FROM));
    }
    add(&[I::If(BlockType::Empty)]);
    add(&whole);
    add(&[I::Return, I::End]);
    if matches!(bulk, Bulk::Copy) {
        // Downward: what has been written lies above what is still to be read.
        add(&[I::LocalGet(TO), I::LocalGet(FROM), I::I32GtU, I::If(BlockType::Empty)]);
        add(&[I::Loop(BlockType::Empty)]);
        add(&moved(LEN, -PIECE));
        add(&[I::LocalGet(TO), I::LocalGet(LEN), I::I32Add]);
        add(&[I::LocalGet(FROM), I::LocalGet(LEN), I::I32Add]);
        add(&[I::I32Const(PIECE), plain.clone()]);
        add(&look);
        add(&again());
        add(&whole);
        add(&[I::Return, I::End]);
    }
    add(&[I::Loop(BlockType::Empty)]);
    add(&[I::LocalGet(TO), I::LocalGet(FROM), I::I32Const(PIECE), plain]);
    add(&moved(TO, PIECE));
    if matches!(bulk, Bulk::Copy) {
        add(&moved(FROM, PIECE));
    }
    add(&moved(LEN, -PIECE));
    add(&look);
    add(&again());
    add(&whole);
    add(&[I::End]);
    function
}

/// Whether `LEN` bytes from an operand on do not all lie in memory; or-ed to what is on the stack.
fn beyond_memory(operand: u32) -> [Instruction<'static>; 11] {
    use Instruction as I;
    [
        I::LocalGet(operand),
        I::I64ExtendI32U,
        I::LocalGet(LEN),
        I::I64ExtendI32U,
        I::I64Add,
        I::MemorySize(0),
        I::I64ExtendI32U,
        I::I64Const(16), // pages of 64 KiB
        I::I64Shl,
        I::I64GtU,
        I::I32Or,
    ]
}

/// An operand is raised by so much.
fn moved(operand: u32, by: i32) -> [Instruction<'static>; 4] {
    use Instruction as I;
    [I::LocalGet(operand), I::I32Const(by), I::I32Add, I::LocalSet(operand)]
}

/// The end of a loop that goes on while more than a piece is left.
fn again() -> [Instruction<'static>; 5] {
    use Instruction as I;
    [I::LocalGet(LEN), I::I32Const(PIECE), I::I32GtU, I::BrIf(0), I::End]
}
