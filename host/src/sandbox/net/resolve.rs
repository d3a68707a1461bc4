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

type Found = Mutex<Option<io::Result<Vec<IpAddr>>>>;

/// The addresses of a name.
pub(super) fn resolve(
    name: &str,
    within: Duration,
    control: &Arc<Control>,
) -> Result<Vec<IpAddr>, Fault> {
    if name == "localhost" || name.ends_with(".localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    // The resolver would take it for an address.
    if is_number(name) {
        return Err(io::ErrorKind::NotFound.into());
    }
    if RUNNING.fetch_add(1, Ordering::Relaxed) >= MOST {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
        return Err(Fault::System(rustix::io::Errno::MFILE.into()));
    }
    let found: Arc<Found> = Arc::default();
    let (to, name, waker) = (Arc::clone(&found), format!("{name}:0"), Arc::clone(control));
    let begun = thread::Builder::new().name("ophidia-resolve".into()).spawn(move || {
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
        RUNNING.fetch_sub(1, Ordering::Relaxed);
        waker.wake();
    });
    if let Err(error) = begun {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
        return Err(error.into());
    }
    let until = Instant::now().checked_add(within);
    let woken = control.wait_for(until, || found.lock().is_some())?;
    match found.lock().take() {
        Some(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
        Some(_) => Err(io::ErrorKind::NotFound.into()),
        None if woken == Wake::Interrupted => Err(io::ErrorKind::Interrupted.into()),
        None => Err(io::ErrorKind::TimedOut.into()),
    }
}
