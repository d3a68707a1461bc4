//! Metered modules run with a host that stops them at their thousandth call.

use super::{BUDGET, instrument};
use wasmtime::{Caller, Config, Engine, Linker, Module, Store};

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
    let fill = "(func (export \"run\")
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 1000000)))";
    let (calls, result) = run(fill);
    assert!(result.is_ok() && calls == 1, "{calls} calls, {result:?}");
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

#[test]
fn a_loop_around_a_mark_takes_nothing_itself() {
    // Ten thousand rounds, one mark: less than a budget.
    let rounds = 10_000;
    assert!(rounds > BUDGET);
    let (calls, result) = run(&format!(
        "(func (export \"run\") (local i32)
           (loop
             (if (i32.eqz (local.get 0)) (then (call $meter (i32.const 0))))
             (local.set 0 (i32.add (local.get 0) (i32.const 1)))
             (br_if 0 (i32.lt_u (local.get 0) (i32.const {rounds})))))"
    ));
    assert!(result.is_ok() && calls == 0, "{calls} calls, {result:?}");
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
}
