//! Exceptions in metered modules: nothing differs but that they are charged.

use super::super::{BUDGET, THROW, instrument};
use super::{assert_stopped, run};

/// Fails when two numbers differ.
const IS: &str =
    "(func $is (param i32 i32) (if (i32.ne (local.get 0) (local.get 1)) (then unreachable)))";

fn assert_same(fields: &str) {
    let (_, result) = run(&format!("{IS} {fields}"));
    result.expect("nothing differs");
}

/// How often the host is called in a function that throws so many times, in this way.
fn calls(throws: i32, way: &str) -> u32 {
    let (calls, result) = run(&format!(
        "(tag $e)
         (func (export \"run\") (local $n i32)
           (loop $again
             (block $caught {way})
             (local.set $n (i32.add (local.get $n) (i32.const 1)))
             (br_if $again (i32.lt_u (local.get $n) (i32.const {throws})))))"
    ));
    result.expect("all are caught");
    calls
}

#[test]
fn each_throw_is_charged() {
    let spent = BUDGET / THROW + 1;
    let way = "(try_table (catch_all $caught) (throw $e))";
    assert_eq!(calls(spent - 1, way), 0);
    assert_eq!(calls(10 * spent, way), 10);
    // Thrown once, and once more.
    let again = "(throw_ref (block $object (result exnref)
        (try_table (result exnref) (catch_all_ref $object) (throw $e))))";
    let again = format!("(try_table (catch_all $caught) {again})");
    assert_eq!(calls(5 * spent, &again), 10);
    // What is not thrown costs nothing.
    assert_eq!(calls(10 * spent, "(try_table (catch_all $caught))"), 0);
}

#[test]
fn stops_a_loop_that_is_left_by_exceptions_only() {
    assert_stopped(
        "(tag $e)
         (func (export \"run\") (loop $again (try_table (catch $e $again) (throw $e)) unreachable))",
    );
    assert_stopped(
        "(tag $e) (func $f (throw $e))
         (func (export \"run\") (loop $again (try_table (catch_all $again) (call $f)) unreachable))",
    );
}

#[test]
fn stops_recursion_by_handlers() {
    assert_stopped(
        "(tag $e)
         (func $f (param i32)
           (if (local.get 0) (then
             (block $caught (try_table (catch_all $caught) (throw $e)))
             (call $f (i32.sub (local.get 0) (i32.const 1)))
             (call $f (i32.sub (local.get 0) (i32.const 1))))))
         (func (export \"run\") (call $f (i32.const 100)))",
    );
}

#[test]
fn operands_arrive_where_they_are_caught() {
    assert_same(
        "(tag $e (param i32 i64 f64 v128))
         (func $f (param i32)
           (throw $e (local.get 0) (i64.const 2) (f64.const 3) (v128.const i32x4 4 5 6 7)))
         (func (export \"run\") (local $v v128) (local $d f64) (local $l i64)
           (block $caught (result i32 i64 f64 v128)
             (try_table (catch $e $caught) (call $f (i32.const 1)))
             unreachable)
           (local.set $v) (local.set $d) (local.set $l)
           (call $is (i32.const 1))
           (call $is (i32.wrap_i64 (local.get $l)) (i32.const 2))
           (call $is (i32.trunc_f64_s (local.get $d)) (i32.const 3))
           (call $is (i32x4.extract_lane 3 (local.get $v)) (i32.const 7)))",
    );
}

#[test]
fn each_is_caught_by_its_own_handler() {
    assert_same(
        "(tag $a (param i32)) (tag $b (param i32)) (tag $c)
         (func $throw (param i32)
           (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $a (i32.const 10))))
           (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $b (i32.const 20))))
           (if (i32.eq (local.get 0) (i32.const 3)) (then (throw $c))))
         (func $which (param i32) (result i32)
           (block $a (result i32)
             (block $b (result i32)
               (block $c
                 (try_table (catch_all $c)
                   (try_table (catch $b $b) (catch $a $a)
                     (call $throw (local.get 0))))
                 (return (i32.const 0)))
               (return (i32.const 3)))
             (return (i32.add (i32.const 2))))
           (i32.add (i32.const 1)))
         (func (export \"run\")
           (call $is (call $which (i32.const 0)) (i32.const 0))
           (call $is (call $which (i32.const 1)) (i32.const 11))
           (call $is (call $which (i32.const 2)) (i32.const 22))
           (call $is (call $which (i32.const 3)) (i32.const 3)))",
    );
}

#[test]
fn objects_are_kept_in_locals_and_thrown_again() {
    assert_same(
        "(tag $e (param i32))
         (func $catch (param $n i32) (result i32 exnref)
           (block $caught (result i32 exnref)
             (try_table (catch_ref $e $caught) (throw $e (local.get $n)))
             unreachable))
         (func (export \"run\") (local $first exnref) (local $second exnref) (local $n i32)
           (local.set $first (block (result exnref)
             (call $catch (i32.const 1)) (br 0)))
           (loop $again
             (call $catch (local.get $n))
             (local.set $second)
             (call $is (local.get $n))
             (local.set $n (i32.add (local.get $n) (i32.const 1)))
             (br_if $again (i32.lt_u (local.get $n) (i32.const 1000))))
           (call $is (i32.const 1)
             (block $caught (result i32)
               (try_table (catch $e $caught) (throw_ref (local.get $first)))
               unreachable))
           (call $is (i32.const 999)
             (block $caught (result i32)
               (try_table (catch $e $caught) (throw_ref (local.get $second)))
               unreachable)))",
    );
}

#[test]
fn blocks_that_catch_have_operands_and_results() {
    assert_same(
        "(tag $e)
         (type $pair (func (param i32) (result i32)))
         (func (export \"run\") (local $n i32)
           (loop $again
             (call $is
               (block $caught (result i32)
                 (i32.const 40)
                 (try_table (type $pair) (i32.add (i32.const 2)) (local.tee $n)))
               (i32.const 42))
             (br_if $again (i32.eqz (local.get $n)))))",
    );
}

#[test]
fn objects_of_other_kinds_are_refused() {
    let wasm = wat::parse_str(
        "(module (import \"ophidia\" \"meter\" (func (param i32))) (memory 1)
           (global i32 (i32.const 0)) (type $a (array (mut i32))) (tag)
           (func (drop (array.new_default $a (i32.const 1000000)))))",
    );
    let error = instrument(&wasm.expect("valid text")).expect_err("an array").to_string();
    assert!(error.contains("neither functions nor exceptions"), "{error}");
}
