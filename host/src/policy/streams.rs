//! Kinds of standard streams that any number of interpreters can have alike. Plain data.

use std::sync::Arc;

/// Where standard input comes from. Readers are given to one interpreter: [`Input`](crate::Input).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum InputKind {
    /// Reading gives the end of the file at once.
    #[default]
    Empty,
    /// These bytes, from their beginning in each interpreter.
    Bytes(#[cfg_attr(feature = "serde", serde(with = "shared"))] Arc<[u8]>),
    /// The standard input of this process.
    Inherit,
}

impl InputKind {
    /// These bytes, from their beginning in each interpreter.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::Bytes(bytes.into())
    }
}

/// Where standard output or error goes. Writers and closures are given to one interpreter:
/// [`Output`](crate::Output).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum OutputKind {
    /// Collects the output in memory, at most [`Limits::output`](crate::Limits::output) bytes.
    #[default]
    Capture,
    /// Discards the output.
    Discard,
    /// To the same stream of this process.
    Inherit,
}

/// Bytes that are shared.
#[cfg(feature = "serde")]
mod shared {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub(super) fn serialize<S: Serializer>(bytes: &Arc<[u8]>, to: S) -> Result<S::Ok, S::Error> {
        (**bytes).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<[u8]>, D::Error> {
        Vec::deserialize(from).map(Into::into)
    }
}
