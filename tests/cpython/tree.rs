//! `Lib/test` out of the pinned source archive.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use lzma_rust2::XzReader;
use ophidia_tests::guest;
use ophidia_tests::suite::unpacked;

/// The folder that holds the package `test`.
pub(crate) fn test_tree() -> Result<PathBuf> {
    let archive = fs::read(guest().source_archive("cpython")?)?;
    unpacked(
        "cpython-tests",
        &archive,
        |bytes| XzReader::new(bytes, true),
        |path| {
            let inside = path.strip_prefix("Lib").ok()?;
            inside.starts_with("test").then(|| inside.to_owned())
        },
        1000,
    )
}
