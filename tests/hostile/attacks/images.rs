//! Portable images, which anybody may have made: what is none is refused, what is one is metered here.

use crate::support::*;
use ophidia::{ImageStage, Runtime, RuntimeBuilder};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// What a portable image says of itself.
fn section(abi: u32) -> String {
    format!("(@custom \"ophidia.image\" \"{abi} 0.0.0\")")
}

/// A folder that passes for a standard library.
fn stdlib() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("os.py"), "").expect("a file");
    folder
}

/// Builds a runtime; gives the stages that its image went through.
fn stages(builder: RuntimeBuilder) -> (Result<Runtime, Error>, Vec<ImageStage>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&seen);
    let tell = move |stage| heard.lock().expect("no panic holds it").push(stage);
    let runtime = builder.max_interpreters(1).progress(Box::new(tell)).build();
    let seen = seen.lock().expect("no panic holds it").clone();
    (runtime, seen)
}

#[test]
fn images_are_metered_where_they_are_loaded() {
    let image = running("(loop (br 0)) (i32.const 0)").with(&section(ophidia_abi::VERSION)).wasm();
    let (lib, cache) = (stdlib(), tempfile::tempdir().expect("a folder"));
    let file = lib.path().join("an.image");
    std::fs::write(&file, &image).expect("a file");
    let builder = || Runtime::builder(cache.path());
    let made = [ImageStage::Compile, ImageStage::Done];
    for (builder, expected) in [
        (builder().without_cache().image_bytes(image.clone(), lib.path()), &made[..1]),
        (builder().image_file(&file, lib.path()), &made[..]),
        (builder().image_bytes(image, lib.path()), &[]),
    ] {
        let (runtime, seen) = stages(builder);
        assert_eq!(seen, expected);
        let mut py = interpreter(&runtime.expect("a runtime")).expect("an interpreter");
        let result = py.run("!");
        assert!(matches!(result, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{result:?}");
    }
}

#[test]
fn images_that_throw_are_loaded_like_others() {
    let throws = "(block $caught (try_table (catch_all $caught) (throw $e))) (i32.const 0)";
    let image = running(throws).with(&format!("(tag $e) {}", section(ophidia_abi::VERSION))).wasm();
    let (lib, cache) = (stdlib(), tempfile::tempdir().expect("a folder"));
    for made in [&[ImageStage::Compile, ImageStage::Done][..], &[]] {
        let builder = Runtime::builder(cache.path()).image_bytes(image.clone(), lib.path());
        let (runtime, seen) = stages(builder);
        assert_eq!(seen, made);
        let mut py = interpreter(&runtime.expect("a runtime")).expect("an interpreter");
        py.run("!").expect("it is caught");
    }
}

#[test]
fn what_is_no_image_is_refused() {
    let (lib, cache) = (stdlib(), tempfile::tempdir().expect("a folder"));
    let refused = |image: &[u8]| match stages(
        Runtime::builder(cache.path()).image_bytes(image, lib.path()),
    ) {
        (Err(Error::Image(said)), seen) => (said, seen),
        other => panic!("{other:?}"),
    };
    let ours = section(ophidia_abi::VERSION);
    let (whole, version) = (Guest::new().with(&ours).wasm(), ophidia_abi::VERSION + 1);
    for (image, expected) in [
        (b"MZ".to_vec(), "damaged"),
        (whole[..whole.len() - 1].to_vec(), "damaged"),
        (Guest::new().wasm(), "not a portable image"),
        (Guest::new().with(&section(version)).wasm(), "make the image anew"),
    ] {
        let (said, seen) = refused(&image);
        assert!(said.contains(expected) && seen.is_empty(), "{said} {seen:?}");
    }
    // Modules that no guest of ours could be.
    let meter = "(import \"ophidia\" \"meter\" (func (param i32)))";
    for (fields, expected) in [
        ("(func) (memory 1) (global i32 (i32.const 0))".to_owned(), "ophidia.meter"),
        (
            format!("{meter} (func) (memory 1) (memory 1) (global i32 (i32.const 0))"),
            "one of 32 bits",
        ),
        (format!("{meter} (func) (memory 1) (global i32 (i32.const 0))"), "lacks"),
        (
            format!("{meter} (func (result i32)) (memory 1) (global i32 (i32.const 0))"),
            "does not compile",
        ),
        (
            format!("{meter} (func (param externref)) (memory 1) (global i32 (i32.const 0))"),
            "neither functions nor exceptions",
        ),
        // What an instance takes beside its memory is in no limit.
        (
            format!("{meter} (func) (table 40000 funcref) (memory 1) (global i32 (i32.const 0))"),
            "a table of 40000 functions, 32768 possible",
        ),
        (
            format!(
                "{meter} (func) (memory 1) (global i32 (i32.const 0)) (data (i32.const 65535) \"ab\")"
            ),
            "2 bytes at 0xffff in a memory of 65536",
        ),
    ] {
        let image = wat::parse_str(format!("(module {fields} {ours})")).expect("valid text");
        let (said, _) = refused(&image);
        assert!(said.contains(expected), "{said}");
    }
    let no_library = Runtime::builder(cache.path()).image_bytes(whole, cache.path()).build();
    assert!(no_library.is_err_and(|error| error.to_string().contains("has no os.py")));
}
