//! Numbers of sockets and of TLS.

/// The family of addresses of version 4, as in WASI's C library.
pub const FAMILY_V4: u32 = 1;

/// The family of addresses of version 6.
pub const FAMILY_V6: u32 = 2;

/// Bytes of the record of an address: the family in a byte, one that is 0, the port, the scope in 4 bytes, both
/// little-endian; then the address as it is sent, one of version 4 in the first 4 of 16 bytes.
pub const ADDRESS: u32 = 24;

/// In a subscription of `poll_oneoff`: no descriptor, but whatever the host works on for the guest.
pub const HOST_DESCRIPTOR: u32 = i32::MAX as u32;

/// Options of sockets.
pub mod socket_option {
    /// The error that a connection ended with, a number of WASI's; asking forgets it.
    pub const ERROR: u32 = 0;
    /// Whether small pieces are sent at once.
    pub const NO_DELAY: u32 = 1;
    /// Whether a silent connection is probed.
    pub const KEEP_ALIVE: u32 = 2;
}

/// Codes of TLS, beside numbers of bytes, and what can be asked of a connection.
pub mod tls {
    /// More has to come from the peer first.
    pub const WANT_READ: i32 = -1;
    /// More has to go to the peer first.
    pub const WANT_WRITE: i32 = -2;
    /// The peer has said that it writes no more.
    pub const CLOSED: i32 = -3;
    /// The peer's stream has ended without that.
    pub const CUT: i32 = -4;
    /// It has failed; [`ERROR`] tells.
    pub const FAILED: i32 = -5;

    /// An error number of WASI.
    #[must_use]
    pub const fn error(number: u16) -> i32 {
        FIRST_ERROR - number as i32
    }

    /// Codes below this are error numbers.
    pub const FIRST_ERROR: i32 = -1000;

    /// The version's name.
    pub const VERSION: u32 = 0;
    /// The cipher suite's name.
    pub const CIPHER: u32 = 1;
    /// The protocol that was agreed upon.
    pub const PROTOCOL: u32 = 2;
    /// The peer's certificates, each behind its length.
    pub const CERTIFICATES: u32 = 3;
    /// Why it has failed: a kind, a tab, a text.
    pub const ERROR: u32 = 4;
    /// How many bytes can be read at once, as 4 bytes.
    pub const PENDING: u32 = 5;
}
