//! The portable form of an image: the snapshot as WebAssembly, to be made once and shipped.
//!
//! It has no checks in it yet and no machine code: both are put in where it is loaded, by that library, for that
//! processor. A section of its own says which agreement of host and guest it was made for.

use crate::error::{Error, Result};
use wasm_encoder::{CustomSection, Encode, Section};
use wasmparser::{Parser, Payload};

/// The name of the section.
const SECTION: &str = "ophidia.image";

/// Makes a snapshot portable.
pub(super) fn write(mut snapshot: Vec<u8>) -> Vec<u8> {
    let made = format!("{} {}", ophidia_abi::VERSION, env!("CARGO_PKG_VERSION"));
    let section = CustomSection { name: SECTION.into(), data: made.as_bytes().into() };
    snapshot.push(section.id());
    section.encode(&mut snapshot);
    snapshot
}

/// Checks that an image can be loaded here.
pub(crate) fn check(image: &[u8]) -> Result<()> {
    let failed = |said: String| Err(Error::image(said));
    let made = match section(image) {
        Ok(Some(made)) => made,
        Ok(None) => {
            return failed(
                "this is not a portable image of Ophidia (RuntimeBuilder::portable_image makes one)"
                    .into(),
            );
        }
        Err(error) => return failed(format!("the portable image is damaged: {error}")),
    };
    let (abi, version) = made.split_once(' ').unwrap_or((&made, "unknown"));
    if abi == ophidia_abi::VERSION.to_string() {
        return Ok(());
    }
    failed(format!(
        "the portable image was made by Ophidia {version} for version {abi} of the interop ABI; \
         this is Ophidia {} with version {}: make the image anew",
        env!("CARGO_PKG_VERSION"),
        ophidia_abi::VERSION
    ))
}

/// What our section says. The last one counts: it is the one that was added.
fn section(image: &[u8]) -> Result<Option<String>, wasmparser::BinaryReaderError> {
    let mut said = None;
    for payload in Parser::new(0).parse_all(image) {
        if let Payload::CustomSection(section) = payload?
            && section.name() == SECTION
        {
            said = Some(String::from_utf8_lossy(section.data()).chars().take(80).collect());
        }
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn an_image_says_what_it_was_made_for() {
        let image = write(EMPTY.to_vec());
        check(&image).expect("of this version");
        let refused = |image: &[u8]| check(image).expect_err("not ours").to_string();
        assert!(refused(EMPTY).contains("not a portable image"));
        assert!(refused(&image[..image.len() - 1]).contains("damaged"));
        assert!(refused(b"PK and more").contains("damaged"));
        let mut other = EMPTY.to_vec();
        let section = CustomSection { name: SECTION.into(), data: b"9 0.0.1".into() };
        other.push(section.id());
        section.encode(&mut other);
        let said = refused(&other);
        assert!(said.contains("made by Ophidia 0.0.1 for version 9"), "{said}");
    }
}
