//! How much of the network was used, and the refusal of what is too much.

use super::Fault;
use crate::policy::NetworkLimits;
use crate::sandbox::control::Control;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The account of one guest.
#[derive(Debug)]
pub(crate) struct Traffic {
    limits: NetworkLimits,
    control: Arc<Control>,
    open: Arc<AtomicU32>,
    pub(crate) most_open: u32,
    pub(crate) opened: u64,
    looked_up: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// An open connection, as long as it is there.
#[derive(Debug)]
pub(super) struct Lease(Arc<AtomicU32>);

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Traffic {
    pub(super) fn new(limits: NetworkLimits, control: Arc<Control>) -> Self {
        Self {
            limits,
            control,
            open: Arc::default(),
            most_open: 0,
            opened: 0,
            looked_up: 0,
            sent: 0,
            received: 0,
        }
    }

    /// What has been used for good: connections opened, names looked up, bytes sent and received.
    pub(crate) fn spent(&self) -> [u64; 4] {
        [self.opened, self.looked_up, self.sent, self.received]
    }

    /// Goes on where so much has been used.
    pub(crate) fn go_on(&mut self, spent: [u64; 4]) {
        [self.opened, self.looked_up, self.sent, self.received] = spent;
    }

    pub(super) fn limits(&self) -> &NetworkLimits {
        &self.limits
    }

    /// Connections that are open.
    pub(crate) fn open_now(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// Counts a connection that is opened.
    pub(super) fn open(&mut self) -> Result<Lease, Fault> {
        let limit = self.limits.connections;
        if self.open_now() >= limit {
            return Err(Fault::TooMany(format!(
                "{limit} connections are open, as many as may be at once: close one, or raise the limit (connections)"
            )));
        }
        let limit = self.limits.opened;
        if self.opened >= limit {
            return Err(Fault::Quota(format!(
                "{limit} connections have been opened, as many as may be in all: raise the limit (opened)"
            )));
        }
        self.opened += 1;
        let now = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_open = self.most_open.max(now);
        Ok(Lease(Arc::clone(&self.open)))
    }

    /// Counts a name that is looked up.
    pub(super) fn look_up(&mut self) -> Result<(), Fault> {
        let limit = self.limits.opened;
        if self.looked_up >= limit {
            return Err(Fault::Quota(format!(
                "{limit} names have been looked up, as many as may be in all: raise the limit (opened)"
            )));
        }
        self.looked_up += 1;
        Ok(())
    }

    /// How many of these bytes may be sent.
    pub(super) fn may_send(&self, bytes: usize) -> Result<usize, Fault> {
        left("sent", bytes, self.sent, self.limits.sent)
    }

    /// How many bytes may be received. A peer chooses how often it is asked before there is something for the guest, so
    /// the deadline is looked at each time.
    pub(super) fn may_receive(&self, bytes: usize) -> Result<usize, Fault> {
        self.control.check()?;
        left("received", bytes, self.received, self.limits.received)
    }

    pub(super) fn count_sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    pub(super) fn count_received(&mut self, bytes: usize) {
        self.received += bytes as u64;
    }
}

fn left(what: &str, bytes: usize, used: u64, limit: u64) -> Result<usize, Fault> {
    let left = usize::try_from(limit.saturating_sub(used)).unwrap_or(usize::MAX);
    if left == 0 && bytes > 0 {
        return Err(Fault::Quota(format!(
            "{limit} bytes have been {what} over the network, as many as may be: raise the limit ({what})"
        )));
    }
    Ok(bytes.min(left))
}
