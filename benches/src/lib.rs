//! Shared by the benches: figures and medians.
