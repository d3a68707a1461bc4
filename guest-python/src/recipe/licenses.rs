//! The licence texts of all that is linked into the guest, taken from the sources themselves.

use crate::Error;
use crate::error::At;
use crate::recipe::cpython::Tree;
use crate::recipe::fetch::Fetched;
use crate::recipe::unpack;
use std::fs;
use std::path::Path;

/// Files below CPython's sources, and the names they get.
const CPYTHON: [(&str, &str); 3] = [
    ("LICENSE", "cpython.txt"),
    // Names what CPython itself took over from others: libmpdec, SipHash, dtoa, HACL* and more.
    ("Doc/license.rst", "cpython-incorporated.rst"),
    ("Modules/expat/COPYING", "expat.txt"),
];

/// Debian's records of the licences of the packages whose code is linked.
const PACKAGES: [(&str, &str, &str); 4] = [
    ("system", "usr/share/doc/wasi-libc/copyright", "wasi-libc.txt"),
    ("runtime", "usr/share/doc/libclang-rt-19-dev-wasm32/copyright", "compiler-rt.txt"),
    ("cxx", "usr/share/doc/libc++-19-dev-wasm32/copyright", "libc++.txt"),
    ("cxx", "usr/share/doc/libc++abi-19-dev-wasm32/copyright", "libc++abi.txt"),
];

/// Copies the licence texts into `target`. With a WASI SDK its own texts stand in the SDK.
pub(crate) fn collect(
    tree: &Tree,
    fetched: &Fetched,
    pinned: bool,
    target: &Path,
) -> Result<(), Error> {
    fs::create_dir_all(target).at("create", target)?;
    let copy =
        |from: &Path, name: &str| fs::copy(from, target.join(name)).at("copy", from).map(|_| ());
    for (from, name) in CPYTHON {
        copy(&tree.source().join(from), name)?;
    }
    if pinned {
        for (folder, from, name) in PACKAGES {
            copy(&tree.toolchain().join(folder).join(from), name)?;
        }
        // Headers of clang's own leave inline functions in the guest.
        let wanted = |name: &str| name == "ziglang/LICENSE";
        let folder = tree.toolchain().join("licence");
        unpack::zip(fetched.path("ziglang")?, &folder, wanted)?;
        copy(&folder.join("ziglang/LICENSE"), "ziglang.txt")?;
    }
    Ok(())
}
