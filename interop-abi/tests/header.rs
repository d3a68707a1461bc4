//! The committed header is the one this crate writes.

#[test]
fn committed_header_is_current() {
    let mut written = String::new();
    ophidia_abi::header::write(&mut written).expect("writing to a string cannot fail");
    let committed = include_str!("../include/ophidia_abi.h");
    assert_eq!(
        committed, written,
        "include/ophidia_abi.h is stale: cargo run -p ophidia-abi --example header > \
         interop-abi/include/ophidia_abi.h"
    );
}

#[test]
fn frame_words_lie_one_after_another() {
    for (i, field) in ophidia_abi::FRAME_FIELDS.iter().enumerate() {
        assert_eq!(field.offset as usize, 4 * i, "{}", field.name);
    }
}
