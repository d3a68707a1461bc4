//! Fuzzing: any bytes into the decoder, and any behaviour of a guest at the whole boundary.
//!
//! As ordinary tests these take the inputs that are kept in `corpus/` and random ones for a few seconds.
//! `fuzz/run TARGET SECONDS` lets libFuzzer look for more, by what of the host they reach.

mod boundary;
mod decoder;
mod support;
