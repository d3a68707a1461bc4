//! Prints the C header of the bridge: `cargo run -p ophidia-abi --example header`.
#![allow(clippy::print_stdout, reason = "printing is this program's job")]

fn main() {
    let mut text = String::new();
    ophidia_abi::header::write(&mut text).expect("writing to a string cannot fail");
    print!("{text}");
}
