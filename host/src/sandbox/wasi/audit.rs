//! What a guest has opened and was denied, told as it happens.

use super::call::{Call, path};
use super::descriptors::Descriptor;
use super::errno::{Answer, Errno, Failure, Refusal};
use super::mounts::{Follow, Found};
use crate::error::panicked;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
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
    /// It has begun a connection.
    Connected {
        /// The host and the port, as the guest names them.
        host: String,
        /// The address.
        address: String,
    },
    /// It was not allowed something, or has used up a limit of files or a quota.
    Denied {
        /// What it tried: `open`, `write`, `mkdir`, `rename`, `resolve`, `connect`, `request` and the like.
        action: &'static str,
        /// The path, or the host.
        path: String,
        /// Which rule forbids it, and the way out.
        reason: Cow<'static, str>,
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

    /// Makes an event of `tracing` of each, with the target `ophidia::audit`: of a denial with the level WARN, of all
    /// others with INFO. A guest chooses how many there are; what subscribes may have to bound them.
    #[cfg(feature = "tracing")]
    #[must_use]
    pub fn tracing() -> Self {
        Self::new(|event| match event {
            AuditEvent::Opened { path, write } => {
                tracing::info!(target: "ophidia::audit", path, write, "opened");
            }
            AuditEvent::Connected { host, address } => {
                tracing::info!(target: "ophidia::audit", host, address, "connected");
            }
            AuditEvent::Denied { action, path, reason } => {
                tracing::warn!(target: "ophidia::audit", action, path, %reason, "denied");
            }
        })
    }

    pub(super) fn tell(&self, event: &AuditEvent) -> Answer {
        catch_unwind(AssertUnwindSafe(|| (self.0)(event)))
            .map_err(|panic| panicked("the audit", &*panic).into())
    }
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Audit")
    }
}

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
    let found = {
        let context = &call.context;
        let from = &context.descriptors.folder(fd)?.position;
        context.namespace.find(from, path(&call.memory, text_at.0, text_at.1)?, follow)
    };
    let answer = found.and_then(|found| act(call, found));
    match answer {
        // Programs look for what may be anywhere: that says so in the system's words.
        Err(Failure::Refused(refusal)) if action == "stat" && refusal.errno == Errno::NoEntry => {
            let path = text(call, fd, text_at);
            // Importing looks at the working directory, which need not be granted.
            let stands_there = Path::new(&*call.context.here).starts_with(&path);
            if let (Some(audit), false) = (&call.context.audit, stands_there) {
                audit.tell(&AuditEvent::Denied { action, path, reason: refusal.said })?;
            }
            Err(Errno::NoEntry.into())
        }
        answer => on_path(call, (action, fd, text_at), answer),
    }
}

/// The number of a refusal, with which the guest and who listens are told the rule; any other failure as it is.
fn refused(
    call: &mut Call<'_>,
    action: &'static str,
    failure: Failure,
    path: impl FnOnce(&Call<'_>) -> String,
) -> Answer<Failure> {
    let Failure::Refused(refusal) = failure else { return Ok(failure) };
    let Refusal { errno, said } = *refusal;
    if let Some(audit) = &call.context.audit {
        audit.tell(&AuditEvent::Denied { action, path: path(call), reason: said.clone() })?;
    }
    call.context.deny(errno, said.into_owned());
    Ok(errno.into())
}

/// What became of a path. Who listens is told of a refusal.
pub(super) fn on_path<T>(
    call: &mut Call<'_>,
    (action, fd, text_at): (&'static str, u32, (u32, u32)),
    answer: Answer<T>,
) -> Answer<T> {
    match answer {
        Err(failure) => Err(refused(call, action, failure, |call| text(call, fd, text_at))?),
        answer => answer,
    }
}

/// What became of a descriptor. Who listens is told of a refusal.
pub(super) fn on<T>(
    call: &mut Call<'_>,
    (action, fd): (&'static str, u32),
    answer: Answer<T>,
) -> Answer<T> {
    let path = |call: &Call<'_>| match call.context.descriptors.get(fd) {
        Ok(Descriptor::File(open)) => open.path.to_string(),
        Ok(Descriptor::Folder(open)) => open.path.to_string(),
        _ => String::new(),
    };
    match answer {
        Err(failure) => Err(refused(call, action, failure, path)?),
        answer => answer,
    }
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
