//! What object files say of themselves: functions with their signatures, data, and which words of it are pointers.

#[cfg_attr(not(test), expect(dead_code, reason = "nothing is adapted yet"))]
mod adapt;
mod encode;
pub(crate) mod layouts;
pub(crate) mod object;
pub(crate) mod program;
#[cfg(test)]
mod sample;
pub(crate) mod sections;
pub(crate) mod signatures;
