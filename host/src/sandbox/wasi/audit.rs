//! What a guest has opened and was denied, told as it happens.

use super::call::{Call, path};
use super::errno::{Answer, Errno, Failure};
use super::mounts::{Follow, Found};
use crate::error::panicked;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Something that a guest has done or tried. Paths are as the guest names them, links not followed; they are the guest's
/// text and not to be believed in any other way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "event", rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum AuditEvent {
    /// It has opened a file.
    Opened {
        /// The path.
        path: String,
        /// Whether it may write to it.
        write: bool,
    },
    /// It was not allowed something.
    Denied {
        /// What it tried: `open`, `mkdir`, `rename` and the like.
        action: &'static str,
        /// The path.
        path: String,
        /// Which rule forbids it, and the way out.
        reason: &'static str,
    },
}

/// Who is told of what guests do. Cloning gives the same one.
#[derive(Clone)]
pub struct Audit(Arc<dyn Fn(&AuditEvent) + Send + Sync>);

impl Audit {
    /// Calls a closure for each event, on the thread that runs the guest, which waits for it. A panic in it ends the
    /// call with [`Error::Host`](crate::Error::Host).
    pub fn new(tell: impl Fn(&AuditEvent) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    fn tell(&self, event: &AuditEvent) -> Answer {
        catch_unwind(AssertUnwindSafe(|| (self.0)(event)))
            .map_err(|panic| panicked("the audit", &*panic).into())
    }
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Audit")
    }
}

/// What is not granted, and how it would be.
const NOT_ALLOWED: &str =
    "not granted for writing: grant the folder with read-write access, or write to /tmp";
const NOT_GRANTED: &str = "nothing is granted at this path: grant a folder, a file or a tree there";

/// A path of the guest's, from one of its folders, as its own text.
fn text(call: &Call<'_>, fd: u32, (at, len): (u32, u32)) -> String {
    let base = call.context.descriptors.folder(fd).map_or("", |open| &*open.path);
    let rest =
        path(&call.memory, at, len).map_or_else(|_| "?".into(), |path| path.to_string_lossy());
    format!("{}/{rest}", base.trim_end_matches('/'))
}

/// Follows a path and does something with where it leads. Who listens is told of a denial.
pub(super) fn at<T>(
    call: &mut Call<'_>,
    (action, fd, text_at): (&'static str, u32, (u32, u32)),
    follow: Follow,
    act: impl FnOnce(&Call<'_>, Found<'_>) -> Answer<T>,
) -> Answer<T> {
    let (found, nowhere) = {
        let context = &call.context;
        let from = &context.descriptors.folder(fd)?.position;
        let found = context.namespace.find(from, path(&call.memory, text_at.0, text_at.1)?, follow);
        let nowhere = matches!(found, Ok(Found::Nowhere));
        (found, nowhere)
    };
    let answer = found.and_then(|found| act(call, found));
    if let (Some(audit), Err(Failure::Errno(errno))) = (&call.context.audit, &answer) {
        let reason = match errno {
            Errno::NotPermitted if nowhere => Some(NOT_GRANTED),
            Errno::NotPermitted => Some(NOT_ALLOWED),
            Errno::NoEntry if nowhere => Some(NOT_GRANTED),
            _ => None,
        };
        if let Some(reason) = reason {
            audit.tell(&AuditEvent::Denied { action, path: text(call, fd, text_at), reason })?;
        }
    }
    answer
}

/// Tells of a file that was opened.
pub(super) fn opened(call: &Call<'_>, fd: u32, text_at: (u32, u32), write: bool) -> Answer {
    match &call.context.audit {
        Some(audit) => audit.tell(&AuditEvent::Opened { path: text(call, fd, text_at), write }),
        None => Ok(()),
    }
}

/// Where the path leads that a folder is opened at.
pub(super) fn folder(call: &Call<'_>, fd: u32, text_at: (u32, u32)) -> Arc<str> {
    text(call, fd, text_at).into()
}
