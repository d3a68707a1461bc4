//! Fuzzing: any bytes into the decoder, and any behaviour of a guest at the whole boundary.
//!
//! Each test takes the inputs that are kept in `corpus/`, then random ones for a few seconds; for ten
//! minutes with `BOLERO_RANDOM_TEST_TIME_MS=600000`.

mod boundary;
mod decoder;
mod support;
