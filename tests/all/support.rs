//! The one helper: calls that read like sentences. It lives in the crate's library, because the command
//! `cpython` uses it too.

pub(crate) use ophidia_tests::*;
