//! Hostile guests: each breaks its word in one way. It ends in an error of the right kind, takes no more
//! of the host's memory than it may, and leaves other interpreters of its runtime alone.

mod support;

/// What an entry leaves in the frame: tags, addresses, lengths, texts, handles, encodings.
mod answers;
/// What the guest calls the host with: numbers, arguments, levels, calls within calls.
mod calls;
/// Exceptions that nothing catches, that pass the host, that are kept.
mod exceptions;
/// What grows when it is done over and over.
mod hoards;
/// Portable images, which anybody may have made.
mod images;
/// What it says of its arrays: shapes, strides, addresses, formats.
mod layouts;
/// What a guest finds in its memory of those before it.
mod memories;
/// What it is asked for before anything runs: frames, buffers, statuses, endless loops.
mod starts;
/// Lengths, counts, offsets and pointers in its calls of WASI.
mod wasi;
