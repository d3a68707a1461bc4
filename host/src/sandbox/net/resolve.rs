//! Looking up names by the host's resolver, on a thread of its own: the call cannot be ended, the wait for it can.

use super::Fault;
use super::address::is_number;
use crate::sandbox::control::{Control, Wake};
use parking_lot::Mutex;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Look-ups of this process at once. One that nobody waits for any more counts until the resolver gives up.
const MOST: usize = 64;

static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Of one guest, so that it leaves some to others.
const MOST_OF_ONE: usize = 4;

/// Look-ups of one guest that have not ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Running(Arc<AtomicUsize>);

impl Running {
    /// One more, while there is room for it.
    fn begin(&self) -> Option<Begun> {
        let begun = |count: &AtomicUsize, most| {
            count
                .try_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
                    (now < most).then_some(now + 1)
                })
                .is_ok()
        };
        if !begun(&self.0, MOST_OF_ONE) {
            return None;
        }
        if !begun(&RUNNING, MOST) {
            self.0.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Begun(Arc::clone(&self.0)))
    }
}

/// One that goes on until it is dropped.
struct Begun(Arc<AtomicUsize>);

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

type Found = Mutex<Option<io::Result<Vec<IpAddr>>>>;

/// The addresses of a name.
pub(super) fn resolve(
    name: &str,
    within: Duration,
    control: &Arc<Control>,
    running: &Running,
) -> Result<Vec<IpAddr>, Fault> {
    if name == "localhost" || name.ends_with(".localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    // The resolver would take it for an address.
    if is_number(name) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let Some(begun) = running.begin() else {
        return Err(io::ErrorKind::TimedOut.into());
    };
    let found: Arc<Found> = Arc::default();
    let (to, name, waker) = (Arc::clone(&found), format!("{name}:0"), Arc::clone(control));
    thread::Builder::new().name("ophidia-resolve".into()).spawn(move || {
        let addresses = name.to_socket_addrs();
        let addresses = addresses.map(|all| {
            let mut addresses: Vec<IpAddr> = Vec::new();
            for address in all.map(|address| super::address::plain(address.ip())) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            addresses
        });
        *to.lock() = Some(addresses);
        drop(begun);
        waker.wake();
    })?;
    let until = Instant::now().checked_add(within);
    let woken = control.wait_for(until, || found.lock().is_some())?;
    match found.lock().take() {
        Some(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
        Some(_) => Err(io::ErrorKind::NotFound.into()),
        None if woken == Wake::Interrupted => Err(io::ErrorKind::Interrupted.into()),
        None => Err(io::ErrorKind::TimedOut.into()),
    }
}
