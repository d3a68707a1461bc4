//! Metered modules run with a host that stops them at their thousandth call.

mod exceptions;

use super::{BUDGET, instrument};
use ophidia_abi::EVALUATION_LOOP;
use wasmtime::{Caller, Config, Engine, Linker, Module, Store, Trap};

/// Host calls after which a run ends.
const CALLS: u32 = 1_000;

/// Runs the export `run` of a module; gives how often it called the host, and its result.
fn run(wat: &str) -> (u32, wasmtime::Result<()>) {
    let wat = format!(
        "(module (import \"ophidia\" \"meter\" (func $meter (param i32))) (memory 16) \
         (global $own (mut i32) (i32.const 7)) {wat})"
    );
    let wasm = wat::parse_str(&wat).expect("valid text");
    let metered = instrument(&wasm).expect("can be metered");
    let engine = Engine::new(Config::new().wasm_branch_hinting(true)).expect("valid");
    let module = Module::new(&engine, metered).expect("still a valid module");
    let mut linker = Linker::new(&engine);
    let meter = |mut caller: Caller<'_, u32>, _: u32| {
        *caller.data_mut() += 1;
        if *caller.data() < CALLS { Ok(()) } else { Err(wasmtime::Error::msg("stopped")) }
    };
    linker.func_wrap("ophidia", "meter", meter).expect("one function");
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &module).expect("its one import is there");
    let run = instance.get_typed_func::<(), ()>(&mut store, "run").expect("exported");
    let result = run.call(&mut store, ());
    (*store.data(), result)
}

fn assert_stopped(wat: &str) {
    let (calls, result) = run(wat);
    let error = result.expect_err("it never ends by itself");
    assert_eq!((calls, error.root_cause().to_string() == "stopped"), (CALLS, true), "{error:#}");
}

#[test]
fn stops_a_loop() {
    assert_stopped("(func (export \"run\") (loop (br 0)))");
}

#[test]
fn stops_a_loop_in_a_function_with_parameters_and_locals() {
    assert_stopped(
        "(func $f (param i32 i64) (local f64 i32) (loop (local.set 3 (local.get 0)) (br 0)))
         (func (export \"run\") (call $f (i32.const 1) (i64.const 2)))",
    );
}

#[test]
fn stops_a_loop_of_many_short_loops() {
    assert_stopped(
        "(func (export \"run\") (local i32)
           (loop
             (local.set 0 (i32.const 0))
             (loop
               (local.set 0 (i32.add (local.get 0) (i32.const 1)))
               (br_if 0 (i32.lt_u (local.get 0) (i32.const 3))))
             (br 0)))",
    );
}

#[test]
fn tight_loops_do_what_they_did() {
    // Left by every kind of branch, from blocks inside, to labels inside and outside, with values.
    let (calls, result) = run("(type $pair (func (param i32) (result i32)))
         (func $steps (param $by i32) (param $most i32) (result i32) (local $n i32)
           (block $out (result i32)
             (block $never
               (loop $again (result i32)
                 (block $in
                   (local.set $n (i32.add (local.get $n) (local.get $by)))
                   (br_table $in $again $in (i32.rem_u (local.get $n) (i32.const 2))))
                 (br_if $never (i32.gt_u (local.get $n) (i32.const 1000000)))
                 (drop (br_if $out (local.get $n) (i32.ge_u (local.get $n) (local.get $most))))
                 (br_if $again (i32.lt_u (local.get $n) (i32.const 30000)))
                 (i32.const 5))
               (return))
             (i32.const 6)))
         (func $with_parameter (result i32) (local $n i32)
           (i32.const 0)
           (loop (type $pair)
             (i32.add (i32.const 1))
             (local.tee $n)
             (br_if 0 (i32.lt_u (local.get $n) (i32.const 1000)))))
         (func $is (param i32 i32) (if (i32.ne (local.get 0) (local.get 1)) (then unreachable)))
         (func (export \"run\")
           (call $is (call $steps (i32.const 1) (i32.const 20000)) (i32.const 20000))
           (call $is (call $steps (i32.const 3) (i32.const 40000)) (i32.const 5))
           (call $is (call $steps (i32.const 2000000) (i32.const 1)) (i32.const 6))
           (call $is (call $with_parameter) (i32.const 1000)))");
    result.expect("nothing differs");
    assert_eq!(calls, 0);
}

#[test]
fn stops_branching_recursion_by_direct_calls() {
    assert_stopped(
        "(func $f (param i32)
           (if (local.get 0) (then
             (call $g (i32.sub (local.get 0) (i32.const 1)))
             (call $g (i32.sub (local.get 0) (i32.const 1))))))
         (func $g (param i32) (call $f (local.get 0)))
         (func (export \"run\") (call $f (i32.const 100)))",
    );
}

#[test]
fn stops_branching_recursion_by_indirect_calls() {
    assert_stopped(
        "(table funcref (elem $f))
         (type $t (func (param i32)))
         (func $f (type $t)
           (if (local.get 0) (then
             (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))
             (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
         (func (export \"run\") (call $f (i32.const 100)))",
    );
}

#[test]
fn bulk_operations_count_by_their_size() {
    let fills = "(func (export \"run\") (local $n i32)
        (loop
          (memory.fill (i32.const 0) (i32.const 1) (i32.const 64000))
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if 0 (i32.lt_u (local.get $n) (i32.const 41)))))";
    let (calls, result) = run(fills);
    // A budget is 256,000 bytes: a call of the host for each five of 64,000.
    assert!(result.is_ok() && calls == 8, "{calls} calls, {result:?}");
}

/// Pages of the memory that bulk operations work in.
const PAGES: u32 = 32;

/// Does a bulk operation in a memory where no two neighbours are alike; gives how often the host was called,
/// what came of it, and the memory.
fn bulk(metered: bool, operation: &str, [to, from, len]: [u32; 3]) -> (u32, bool, Vec<u8>) {
    let wat = format!(
        "(module (import \"ophidia\" \"meter\" (func $meter (param i32)))
           (memory (export \"memory\") {PAGES}) (global (mut i32) (i32.const 0))
           (func (export \"run\") (param i32 i32 i32)
             ({operation} (local.get 0) (local.get 1) (local.get 2))))"
    );
    let mut wasm = wat::parse_str(&wat).expect("valid text");
    if metered {
        wasm = instrument(&wasm).expect("can be metered");
    }
    let engine = Engine::default();
    let module = Module::new(&engine, wasm).expect("a valid module");
    let mut linker = Linker::new(&engine);
    let meter = |mut caller: Caller<'_, u32>, _: u32| *caller.data_mut() += 1;
    linker.func_wrap("ophidia", "meter", meter).expect("one function");
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &module).expect("its one import is there");
    let memory = instance.get_memory(&mut store, "memory").expect("exported");
    for (at, byte) in memory.data_mut(&mut store).iter_mut().enumerate() {
        *byte = (at % 251) as u8;
    }
    let run = instance.get_typed_func::<(u32, u32, u32), ()>(&mut store, "run").expect("exported");
    let done = match run.call(&mut store, (to, from, len)) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.downcast_ref(), Some(&Trap::MemoryOutOfBounds), "{error:#}");
            false
        }
    };
    (*store.data(), done, memory.data(&store).to_vec())
}

const PIECE: u32 = super::bulk::PIECE as u32;
const END: u32 = PAGES << 16;

#[test]
fn bulk_operations_in_pieces_do_what_they_did() {
    let copies = [
        // Beside one another, and overlapping by almost all, both ways.
        [0, END / 2, END / 2],
        [END / 2, 0, END / 2],
        [0, 1, END - 1],
        [1, 0, END - 1],
        [7, 7 + PIECE, END - 7 - PIECE],
        [7 + PIECE, 7, END - 7 - PIECE],
        [5, 5, END - 5],
        // Whole pieces, one byte less and more.
        [PIECE, 0, PIECE * 3],
        [PIECE, 0, PIECE * 3 - 1],
        [0, PIECE, PIECE * 3 + 1],
        [3, 0, PIECE],
        [0, 3, PIECE + 1],
        // Nothing, at the ends too.
        [9, 3, 0],
        [END, END, 0],
        [END + 1, 0, 0],
        [0, END + 1, 0],
        // Out of bounds, by one and by all, where sums wrap around.
        [1, 0, END],
        [0, 1, END],
        [END - PIECE, 0, PIECE + 1],
        [0, END - PIECE, PIECE + 1],
        [u32::MAX, 0, END],
        [0, u32::MAX, u32::MAX],
        [u32::MAX, u32::MAX, u32::MAX],
        [0, 0, u32::MAX],
    ];
    let fills = [
        [0, 1, END],
        [1, 2, END - 1],
        [3, 0x1FF, PIECE],
        [3, 4, PIECE + 1],
        [3, 5, PIECE * 2],
        [END, 6, 0],
        [END + 1, 7, 0],
        [1, 8, END],
        [u32::MAX, 9, PIECE * 2],
        [0, 10, u32::MAX],
    ];
    let all = copies.map(|copy| ("memory.copy", copy)).into_iter();
    for (operation, operands) in all.chain(fills.map(|fill| ("memory.fill", fill))) {
        let (_, done, memory) = bulk(true, operation, operands);
        let (_, plain_done, plain) = bulk(false, operation, operands);
        assert_eq!(done, plain_done, "{operation} {operands:?}");
        assert!(memory == plain, "{operation} {operands:?} leaves another memory");
    }
}

#[test]
fn the_host_is_called_after_each_piece() {
    let calls = |operation, operands| bulk(true, operation, operands).0;
    assert_eq!(calls("memory.copy", [0, PIECE, PIECE * 7]), 7);
    assert_eq!(calls("memory.copy", [PIECE, 0, PIECE * 7]), 7);
    assert_eq!(calls("memory.fill", [0, 1, PIECE * 8]), 8);
    assert_eq!(calls("memory.copy", [0, 9, 64]), 0, "small ones are not looked at");
}

#[test]
fn marks_count_by_the_work_they_name_and_cannot_wrap_around() {
    let (calls, result) = run("(func (export \"run\")
        (call $meter (i32.const 160)) (call $meter (i32.const 320)))");
    assert!(result.is_ok() && calls == 0, "{calls} calls, {result:?}");
    let (calls, result) = run("(func (export \"run\")
        (call $meter (i32.const -1)) (call $meter (i32.const -1)))");
    assert!(result.is_ok() && calls == 2, "{calls} calls, {result:?}");
}

/// Ten thousand rounds, one mark.
fn rounds_around_a_mark(function: &str) -> u32 {
    let rounds = 10_000;
    assert!(rounds > BUDGET);
    let (calls, result) = run(&format!(
        "(func ${function} (local i32)
           (loop
             (if (i32.eqz (local.get 0)) (then (call $meter (i32.const 0))))
             (local.set 0 (i32.add (local.get 0) (i32.const 1)))
             (br_if 0 (i32.lt_u (local.get 0) (i32.const {rounds})))))
         (func (export \"run\") (call ${function}))"
    ));
    result.expect("it ends");
    calls
}

#[test]
fn a_loop_around_a_mark_takes_nothing_itself_in_the_evaluation_loop_only() {
    assert_eq!(rounds_around_a_mark(EVALUATION_LOOP), 0);
    assert_eq!(rounds_around_a_mark("some_other_function"), 2);
}

#[test]
fn stops_a_loop_that_jumps_over_its_mark() {
    assert_stopped(
        "(func $_PyEval_EvalFrameDefault (call $meter (i32.const 0)))
         (func (export \"run\") (call $_PyEval_EvalFrameDefault)
           (loop (if (i32.const 0) (then (call $meter (i32.const 0)))) (br 0)))",
    );
}

#[test]
fn globals_and_data_of_the_module_stay_as_they_are() {
    let (_, result) = run("(global $b i64 (i64.const 9))
         (data (i32.const 8) \"abc\")
         (func (export \"run\")
           (if (i32.ne (global.get $own) (i32.const 7)) (then unreachable))
           (if (i64.ne (global.get $b) (i64.const 9)) (then unreachable))
           (if (i32.ne (i32.load8_u (i32.const 10)) (i32.const 99)) (then unreachable)))");
    result.expect("nothing differs");
}

#[test]
fn a_module_that_cannot_be_metered_is_refused() {
    let wasm = wat::parse_str("(module (func (loop (br 0))))").expect("valid text");
    let error = instrument(&wasm).expect_err("no host function to call").to_string();
    assert!(error.contains("ophidia.meter"), "{error}");
    assert!(instrument(b"\0asm but not really").is_err());
    let wide = "(module (import \"ophidia\" \"meter\" (func (param i32))) (memory i64 1)
        (global i32 (i32.const 0)) (func))";
    let error = instrument(&wat::parse_str(wide).expect("valid text")).expect_err("64 bits");
    assert!(error.to_string().contains("32 bits"), "{error}");
}
