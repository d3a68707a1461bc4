//! The network of one guest: what is granted (`rules`), names and the addresses that they were found to have, and how
//! much was moved. Sockets and TLS are objects of the host's; the guest's calls come by way of `wasi/`.

mod address;
mod http;
mod mediated;
mod pair;
mod resolve;
mod rules;
mod socket;
mod stream;
pub(crate) mod tls;
mod traffic;

pub(crate) use rules::Rules;
pub(crate) use socket::Socket;
pub(crate) use tls::Tls;

use crate::policy::NetworkLimits;
use crate::sandbox::control::{Control, Stop};
use crate::sandbox::travel::travels;
use rules::Denied;
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
pub(crate) use traffic::Traffic;

/// Why something of the network did not happen.
#[derive(Debug)]
pub(crate) enum Fault {
    /// As the system says; that it would wait is `WouldBlock`.
    System(io::Error),
    /// It is not granted, in words.
    Denied(String),
    /// It is more than granted, in words.
    Quota(String),
    /// As many connections as may be are open.
    TooMany(String),
    /// What came is not what was agreed upon, in words.
    Protocol(String),
    /// The running operation ends.
    Stop(Stop),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl From<io::ErrorKind> for Fault {
    fn from(kind: io::ErrorKind) -> Self {
        Self::System(kind.into())
    }
}

impl From<rustix::io::Errno> for Fault {
    fn from(error: rustix::io::Errno) -> Self {
        Self::System(error.into())
    }
}

impl From<Stop> for Fault {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Denied> for Fault {
    fn from(Denied(said): Denied) -> Self {
        Self::Denied(said)
    }
}

impl From<http::Refusal> for Fault {
    fn from(refusal: http::Refusal) -> Self {
        match refusal.kind {
            http::Kind::Denied => Self::Denied(refusal.text),
            http::Kind::Quota => Self::Quota(refusal.text),
            http::Kind::Malformed => Self::Protocol(refusal.text),
        }
    }
}

impl Fault {
    /// Whether it has to be waited for.
    pub(crate) fn waits(&self) -> bool {
        matches!(self, Self::System(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Addresses that a name has, at most.
const MOST_ADDRESSES: usize = 16;

/// Names that are remembered; looking up more is refused.
const MOST_NAMES: usize = 1024;

/// What a guest has used of the network for good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    traffic: [u64; 4],
    /// Bytes sent and received by each grant of requests.
    of_rules: Vec<(u64, u64)>,
}

travels!(Spent { traffic, of_rules });

/// One guest's network.
#[derive(Debug)]
pub(crate) struct Network {
    rules: Arc<Rules>,
    limits: NetworkLimits,
    pub(crate) traffic: Traffic,
    /// Names, resolved once.
    names: HashMap<String, Vec<IpAddr>>,
    /// The names that an address was found for, the last one last.
    found: HashMap<IpAddr, Vec<String>>,
    /// What was moved by each of the rules for origins.
    counts: Vec<Arc<http::Counts>>,
    /// Names of origins that were last connected to as they are.
    straight: HashSet<String>,
    looking_up: resolve::Running,
    trust: tls::Trust,
}

impl Network {
    pub(crate) fn new(rules: Arc<Rules>, limits: NetworkLimits, control: Arc<Control>) -> Self {
        Self {
            counts: rules.http.iter().map(|_| Arc::default()).collect(),
            rules,
            limits,
            traffic: Traffic::new(limits, control),
            names: HashMap::new(),
            found: HashMap::new(),
            straight: HashSet::new(),
            looking_up: resolve::Running::default(),
            trust: tls::Trust::default(),
        }
    }

    /// What has been used for good: of the limits, and of each grant of requests.
    pub(crate) fn spent(&self) -> Spent {
        let of_rules = self.counts.iter().map(|counts| counts.spent()).collect();
        Spent { traffic: self.traffic.spent(), of_rules }
    }

    /// Goes on where so much has been used. Grants of requests are told by their order.
    pub(crate) fn go_on(&mut self, spent: &Spent) {
        self.traffic.go_on(spent.traffic);
        for (counts, spent) in self.counts.iter().zip(&spent.of_rules) {
            counts.go_on(*spent);
        }
    }

    /// The addresses of a name, looked up when it is first asked for.
    pub(crate) fn resolve(
        &mut self,
        name: &str,
        control: &Arc<Control>,
    ) -> Result<Vec<IpAddr>, Fault> {
        let name = rules::name(name).map_err(|_| Fault::from(io::ErrorKind::NotFound))?;
        let given = self.rules.name(&name)?;
        let addresses = match self.names.get(&name) {
            Some(known) => known.clone(),
            None => self.look_up(&name, given, control)?,
        };
        for address in &addresses {
            let names = self.found.entry(*address).or_default();
            names.retain(|known| *known != name);
            names.push(name.clone());
        }
        Ok(addresses)
    }

    fn look_up(
        &mut self,
        name: &str,
        given: Vec<IpAddr>,
        control: &Arc<Control>,
    ) -> Result<Vec<IpAddr>, Fault> {
        if self.names.len() >= MOST_NAMES {
            return Err(Fault::Quota(format!(
                "{MOST_NAMES} names of hosts have been found, as many as an interpreter remembers: start another"
            )));
        }
        self.traffic.look_up()?;
        let is_given = !given.is_empty();
        let mut addresses = match is_given {
            true => given,
            false => resolve::resolve(name, self.limits.connect, control, &self.looking_up)?,
        };
        let mut denied = None;
        addresses.retain(|address| match self.rules.address_of(name, *address) {
            _ if is_given => true,
            Ok(()) => true,
            Err(refused) => {
                denied = Some(refused);
                false
            }
        });
        addresses.truncate(MOST_ADDRESSES);
        if let (true, Some(denied)) = (addresses.is_empty(), denied) {
            return Err(denied.into());
        }
        self.names.insert(name.to_owned(), addresses.clone());
        Ok(addresses)
    }

    /// Begins to connect a socket.
    pub(crate) fn connect(&mut self, socket: &mut Socket, to: SocketAddr) -> Result<(), Fault> {
        let address = address::plain(to.ip());
        let names = self.found.get(&address).or_else(|| self.found.get(&to.ip()));
        let way = self.rules.connect(address, to.port(), names.map_or(&[], Vec::as_slice))?;
        let mediator = match way {
            rules::Way::Straight => {
                self.straight.extend(names.into_iter().flatten().cloned());
                None
            }
            rules::Way::Mediated(index) => {
                let origin = self.rules.http.get(index);
                if let Some(origin) = origin {
                    self.straight.remove(&origin.host);
                }
                let rule = origin.map(|origin| Arc::clone(&origin.rule));
                rule.zip(self.counts.get(index).cloned())
            }
        };
        socket.begin(SocketAddr::new(address, to.port()), mediator, &mut self.traffic)
    }

    /// Where a connection to an address would lead, as the guest knows it: by name, if it has one.
    pub(crate) fn named(&self, to: SocketAddr) -> String {
        let names = self.found.get(&address::plain(to.ip()));
        match names.and_then(|names| names.last()) {
            Some(name) => format!("{name}:{}", to.port()),
            None => to.to_string(),
        }
    }

    /// Takes certificates of the guest's own; gives their number.
    pub(crate) fn add_trust(&mut self, certificates: &[u8]) -> Result<u32, Fault> {
        self.trust.add(certificates, &self.rules.roots)
    }

    pub(crate) fn roots(&self) -> &tls::Roots {
        &self.rules.roots
    }

    /// Whether TLS with this host is to an origin whose requests are looked at: one that is granted, unless the guest has
    /// last connected to the same host as it is, by another port.
    pub(crate) fn leads_to_origin(&self, host: &str) -> bool {
        let Ok(host) = rules::name(host) else { return false };
        let mut origins = self.rules.http.iter();
        origins.any(|origin| origin.rule.https && origin.host == host)
            && !self.straight.contains(&host)
    }
}
