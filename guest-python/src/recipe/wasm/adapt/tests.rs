//! What adapters do, read back from the object.

use wasmparser::Operator;

use super::*;
use crate::recipe::wasm::object::Object;
use crate::recipe::wasm::program::Program;
use crate::recipe::wasm::sample::{LOCAL, Sample, UNDEFINED, WEAK, flags_of, validate};

/// An object whose `table` points to one function of that type.
fn one(flags: u32, signature: &'static str) -> Vec<u8> {
    let table = Sample::default().function("shout", flags, signature).data("table", 0, &[0; 8]);
    table.function("last", 0, ">i").function_at(4, 0).build()
}

/// Adapts the pointers at these words of `table`.
fn adapted(object: &[u8], words: &[(u32, &str)]) -> Result<Vec<u8>, String> {
    let changes: Vec<Change> =
        words.iter().map(|(at, wanted)| change(object, *at, wanted)).collect();
    let adapted = adapt(object, &changes)?;
    validate(&adapted).expect("valid");
    assert_calls_fit(&adapted);
    Ok(adapted)
}

fn change(object: &[u8], at: u32, wanted: &str) -> Change {
    let object = Object::parse("x.o".into(), object).expect("an object");
    let objects = [object];
    let program = Program::new(&objects);
    let data = program.named(0, "table").and_then(|table| program.data(table)).expect("the table");
    match data.pointers.get(&at) {
        Some(crate::recipe::wasm::object::Pointer::Function(_, site)) => {
            Change { site: *site, wanted: wanted.to_owned() }
        }
        other => panic!("{at} is {other:?}"),
    }
}

/// The function that a word of `table` points to.
fn pointed(object: &[u8], at: u32) -> String {
    let objects = [Object::parse("x.o".into(), object).expect("an object")];
    let program = Program::new(&objects);
    let table = program.named(0, "table").expect("the table");
    program.function(table, at).expect("a function").to_owned()
}

/// The signature and the code of the function of that name, the last if there are several.
fn shown(object: &[u8], name: &str) -> (String, String) {
    let sections = Sections::read(object).expect("an object");
    let mut functions =
        (0..sections.symbols.len() as u32).filter_map(|symbol| sections.function(symbol));
    let function = functions.rfind(|function| function.name == name).expect("the function");
    let imported = sections.functions.len() - sections.bodies.len();
    let body = &sections.bodies[function.index as usize - imported];
    let mut words = Vec::new();
    for operator in body.get_operators_reader().expect("code") {
        words.push(match operator.expect("an instruction") {
            Operator::LocalGet { local_index } => format!("get {local_index}"),
            Operator::Call { function_index } => format!("call {function_index}"),
            Operator::I32Const { value } => format!("const {value}"),
            Operator::Drop => "drop".into(),
            Operator::End => "end".into(),
            other => panic!("{other:?}"),
        });
    }
    (function.signature.to_owned(), words.join(", "))
}

/// Each relocation of a call stands at a call, of the function of its symbol. Gives how many there are.
fn assert_calls_fit(object: &[u8]) -> usize {
    let sections = Sections::read(object).expect("an object");
    let start = sections.start(sections.code).expect("code");
    let mut count = 0;
    let mut before = 0;
    for (site, entry) in sections.relocations() {
        let Site::Code(offset) = site else { continue };
        assert!(offset >= before, "the linker wants relocations in their order");
        before = offset;
        if entry.ty == RelocationType::FunctionIndexLeb {
            let at = start + offset as usize;
            assert_eq!(object[at - 1], 0x10);
            let called =
                BinaryReader::new(&object[at..at + 5], 0).read_var_u32().expect("five bytes");
            assert_eq!(called, sections.function(entry.index).expect("a function").index);
            count += 1;
        }
    }
    count
}

#[test]
fn arguments_that_are_too_many_are_not_passed_on() {
    let object = adapted(&one(LOCAL, "i>i"), &[(4, "iii>i")]).expect("adapted");
    assert_eq!(pointed(&object, 4), "shout.adapted");
    assert_eq!(shown(&object, "shout.adapted"), ("iii>i".into(), "get 0, call 0, end".into()));
    assert_eq!(flags_of(&object, "shout.adapted"), Some(LOCAL));
    assert_eq!(assert_calls_fit(&object), 1);
}

#[test]
fn a_result_is_made_up_or_dropped() {
    let code = |have, wanted| {
        shown(&adapted(&one(0, have), &[(4, wanted)]).expect("adapted"), "shout.adapted").1
    };
    assert_eq!(code("i>", "i>i"), "get 0, call 0, const 0, end");
    assert_eq!(code("ii>i", "ii>"), "get 0, get 1, call 0, drop, end");
    assert_eq!(code(">d", "l>d"), "call 0, end");
}

#[test]
fn one_adapter_serves_all_pointers_of_the_same_type() {
    let sample = Sample::default().function("outside", UNDEFINED, "i>i").function("own", 0, "i>i");
    let sample = sample.data("table", 0, &[0; 20]);
    let sample = sample.function_at(0, 1).function_at(4, 1).function_at(8, 1).function_at(12, 0);
    let words = [(0, "ii>i"), (4, "ii>i"), (8, "iii>i"), (12, "ii>i")];
    let object = adapted(&sample.function_at(16, 1).build(), &words).expect("adapted");
    let objects = [Object::parse("x.o".into(), &object).expect("an object")];
    assert_eq!(objects[0].symbols.len(), 3 + 3);
    let names = [0, 4, 8, 12, 16].map(|at| pointed(&object, at));
    assert_eq!(names, ["own.adapted", "own.adapted", "own.adapted", "outside.adapted", "own"]);
    assert_eq!(shown(&object, "own.adapted"), ("iii>i".into(), "get 0, call 1, end".into()));
    assert_eq!(shown(&object, "outside.adapted").1, "get 0, call 0, end");
}

#[test]
fn types_that_are_there_are_used_again() {
    let types = |wanted| {
        let object = adapted(&one(0, "i>i"), &[(4, wanted)]).expect("adapted");
        Sections::read(&object).expect("an object").types
    };
    assert_eq!(types("ii>i"), ["i>i", ">i", "ii>i"]);
    assert_eq!(types("il>i"), ["i>i", ">i", "il>i"]);
    let object = Sample::default().function("shout", 0, "i>i").function("other", 0, "ii>i");
    let object = object.data("table", 0, &[0; 4]).function_at(0, 0).build();
    let object = adapted(&object, &[(0, "ii>i")]).expect("adapted");
    assert_eq!(Sections::read(&object).expect("an object").types, ["i>i", "ii>i"]);
}

#[test]
fn relocations_move_with_the_code_when_the_count_of_functions_grows_by_a_byte() {
    let mut sample = Sample::default().function("outside", UNDEFINED, "i>i");
    for number in 1..128 {
        sample = sample.function(&format!("f{number}"), LOCAL, "i>i");
    }
    let object = sample.data("table", 0, &[0; 4]).function_at(0, 1).call(0).call(5).build();
    assert_eq!(assert_calls_fit(&object), 2);
    let object = adapted(&object, &[(0, "ii>i")]).expect("adapted");
    assert_eq!(assert_calls_fit(&object), 3);
    assert_eq!(shown(&object, "f1.adapted").1, "get 0, call 1, end");
}

#[test]
fn pointers_that_code_sets_are_adapted_too() {
    let sample = Sample::default().function("own", LOCAL, "i>i").function("start", 0, ">");
    let sample = sample.data("table", 0, &[0; 8]).function_at(0, 0).store(2, 4, 0).call(0);
    let object = adapted(&sample.build(), &[(4, "ii>i")]).expect("adapted");
    assert_eq!((&*pointed(&object, 0), &*pointed(&object, 4)), ("own", "own.adapted"));
    assert_eq!(assert_calls_fit(&object), 2);
}

#[test]
fn what_no_adapter_can_do_is_refused_with_both_types() {
    let refused =
        |flags, have, wanted| adapted(&one(flags, have), &[(4, wanted)]).expect_err("refused");
    let said = refused(0, "il>i", "ii>i");
    assert!(said.starts_with("shout is il>i but called as ii>i: "), "{said}");
    assert!(said.contains("parameters") && said.contains("patched"), "{said}");
    assert!(refused(0, "iii>i", "ii>i").contains("parameters"));
    assert!(refused(0, "i>", "i>d").contains("result"));
    assert!(refused(0, "i>d", "i>i").contains("result"));
    assert!(refused(0, "i>i", "ir>i").contains("of that type"));
    assert!(refused(0, "i>i", "ii").contains("no signature"));
    assert!(refused(WEAK | UNDEFINED, "i>i", "ii>i").contains("absent"));
    // Another object's definition may come in its place, of the same type.
    adapted(&one(WEAK, "i>i"), &[(4, "ii>i")]).expect("adapted");
}

#[test]
fn a_change_of_no_pointer_or_of_two_minds_is_refused() {
    let object = one(0, "i>i");
    let other = Change { site: Site::Data(1), wanted: "ii>i".into() };
    assert!(adapt(&object, &[other]).expect_err("refused").contains("does not point"));
    let said = adapted(&object, &[(4, "ii>i"), (4, "iii>i")]).expect_err("refused");
    assert!(said.contains("ii>i and iii>i"), "{said}");
}

#[test]
fn nothing_to_do_leaves_every_byte() {
    let object = one(0, "i>i");
    assert_eq!(adapted(&object, &[]).expect("unchanged"), object);
    assert_eq!(adapted(&object, &[(4, "i>i")]).expect("unchanged"), object);
}
