//! What this library is made of, by version.

/// Versions of this library and of what is in its guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Version {
    /// Ophidia's own.
    pub ophidia: &'static str,
    /// The interop ABI's, which a portable image must match.
    pub abi: u32,
    /// CPython's, such as `3.14.7`.
    pub python: &'static str,
    /// numpy's, such as `2.5.5`.
    pub numpy: &'static str,
}

/// The versions of this library and of the guest that it looks for in the cache, whether or not one is
/// there.
#[must_use]
pub const fn version() -> Version {
    Version {
        ophidia: env!("CARGO_PKG_VERSION"),
        abi: ophidia_abi::VERSION,
        python: ophidia_guest::PYTHON,
        numpy: match ophidia_guest::version_of("numpy") {
            Some(version) => version,
            None => "",
        },
    }
}
