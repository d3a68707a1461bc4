//! What object files say of themselves: functions with their signatures, data, and which words of it are pointers.

pub(crate) mod layouts;
pub(crate) mod object;
pub(crate) mod program;
pub(crate) mod sections;
pub(crate) mod signatures;
