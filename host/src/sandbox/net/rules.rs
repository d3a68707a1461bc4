//! What is granted, checked once: which names are looked up, and where a connection may go.

use super::address::{covers, is_number, plain, special};
use super::http;
use crate::error::{Error, Result};
use crate::policy::{HttpGrant, Network, NetworkLimits};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

const ALL_PORTS: RangeInclusive<u16> = 0..=u16::MAX;

/// What one guest is granted of the network.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    hosts: Vec<HostRule>,
    pub(super) http: Vec<Arc<OriginRule>>,
    pub(super) roots: super::tls::Roots,
}

/// One host or network.
#[derive(Debug)]
struct HostRule {
    host: Host,
    ports: RangeInclusive<u16>,
    addresses: Vec<IpAddr>,
}

#[derive(Debug)]
enum Host {
    Name(String),
    /// All names that end with this, which begins with a dot.
    Below(String),
    Network(IpNet),
    /// Every public host.
    Any,
}

/// One origin of which requests are granted.
#[derive(Debug)]
pub(crate) struct OriginRule {
    pub(super) rule: Arc<http::Rule>,
    pub(super) host: String,
    addresses: Vec<IpAddr>,
}

/// Where a connection leads.
#[derive(Debug)]
pub(super) enum Way {
    /// To the host, as it is.
    Straight,
    /// Through the host's reading of each request.
    Mediated(usize),
}

/// That something is not granted, in words: what, and the way out.
#[derive(Debug)]
pub(super) struct Denied(pub(super) String);

impl Rules {
    pub(crate) fn new(network: &Network) -> Result<Self> {
        let hosts = network.hosts.iter().map(|text| {
            HostRule::parse(text)
                .map_err(|said| Error::grant(format!("network host {text:?}: {said}")))
        });
        let hosts: Vec<HostRule> = hosts.collect::<Result<_>>()?;
        let mut http: Vec<Arc<OriginRule>> = Vec::new();
        for grant in &network.http {
            let refused = |said: String| Error::grant(format!("origin {:?}: {said}", grant.origin));
            let rule = OriginRule::new(grant).map_err(refused)?;
            let (host, port) = (&rule.host, rule.rule.port);
            if http.iter().any(|other| other.host == *host && other.rule.port == port) {
                let said = "two grants have it: put their methods and paths into one";
                return Err(refused(said.into()));
            }
            let address = host.trim_matches(['[', ']']).parse().ok();
            let straight = hosts.iter().find(|rule| {
                let named = match address {
                    Some(address) => rule.has_address(address),
                    None => !matches!(rule.host, Host::Any) && rule.has_name(host),
                };
                named && rule.ports.contains(&port)
            });
            if let Some(straight) = straight {
                return Err(refused(format!(
                    "the host {straight} is granted as a whole, so no request would be looked at: leave one of them out"
                )));
            }
            http.push(Arc::new(rule));
        }
        let roots = super::tls::Roots::new(&network.roots)?;
        Ok(Self { hosts, http, roots })
    }

    /// Refuses bounds by which nothing that is granted could be used.
    pub(crate) fn check(&self, limits: &NetworkLimits) -> Result<()> {
        let NetworkLimits { connections, opened, sent, received, connect } = limits;
        let nothing = [
            ("connections", *connections == 0),
            ("opened", *opened == 0),
            ("sent", *sent == 0),
            ("received", *received == 0),
            ("connect", connect.is_zero()),
        ];
        match nothing.iter().find(|(_, is_nothing)| *is_nothing && !self.is_empty()) {
            Some((field, _)) => Err(Error::grant(format!(
                "limit network.{field}: 0, so that no host that is granted can be used: give more, or grant none"
            ))),
            None => Ok(()),
        }
    }

    /// Whether nothing is granted.
    pub(super) fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.http.is_empty()
    }

    /// Whether a name may be looked up; gives the addresses that it is granted with.
    pub(super) fn name(&self, name: &str) -> Result<Vec<IpAddr>, Denied> {
        let hosts =
            self.hosts.iter().filter(|rule| rule.has_name(name)).map(|rule| &rule.addresses);
        let origins = self.http.iter().filter(|rule| rule.host == name).map(|rule| &rule.addresses);
        let mut granted = false;
        let mut addresses = Vec::new();
        for given in hosts.chain(origins) {
            granted = true;
            addresses.extend(
                given
                    .iter()
                    .copied()
                    .filter(|address| !addresses.contains(address))
                    .collect::<Vec<_>>(),
            );
        }
        match granted {
            true => Ok(addresses),
            false => Err(self.denied("the name", name)),
        }
    }

    fn denied(&self, what: &str, named: &str) -> Denied {
        let named = named.escape_default();
        Denied(match self.is_empty() {
            true => format!(
                "no network is granted, {what} {named} is part of it: grant it (net \"{named}\")"
            ),
            false => format!("{what} {named} is not granted: grant it (net \"{named}\")"),
        })
    }

    /// Whether an address that a name was found to have may be used for it.
    pub(super) fn address_of(&self, name: &str, address: IpAddr) -> Result<(), Denied> {
        let Some(kind) = special(address) else { return Ok(()) };
        let named = || {
            let mut hosts = self.hosts.iter().filter(|rule| !matches!(rule.host, Host::Any));
            hosts.any(|rule| rule.has_name(name)) || self.http.iter().any(|rule| rule.host == name)
        };
        if (is_local(name) && plain(address).is_loopback() && named())
            || self.hosts.iter().any(|rule| rule.has_address(address))
        {
            return Ok(());
        }
        Err(Denied(format!(
            "the name {name} has the address {address} ({kind}), which is not on the public Internet: grant the address \
             too (net \"{address}\"), or the name with it (net \"{name}={address}\")"
        )))
    }

    /// Whether an address may be reached by a name, at this port: one that is not public has to be granted with it.
    fn is_reached(&self, name: &str, address: IpAddr, port: u16, given: &[IpAddr]) -> bool {
        let mut hosts = self.hosts.iter().filter(|rule| rule.ports.contains(&port));
        special(address).is_none()
            || (is_local(name) && plain(address).is_loopback())
            || given.iter().any(|own| plain(*own) == plain(address))
            || hosts.any(|rule| rule.has_address(address))
    }

    /// Where a connection to an address leads that was found for these names, the last of them last.
    pub(super) fn connect(
        &self,
        address: IpAddr,
        port: u16,
        names: &[String],
    ) -> Result<Way, Denied> {
        let origins = || self.http.iter().enumerate().filter(|(_, rule)| rule.rule.port == port);
        let hosts = || self.hosts.iter().filter(|rule| rule.ports.contains(&port));
        // Many names have one address: what it was last looked up for decides.
        for name in names.iter().rev() {
            let reached = |given: &[IpAddr]| self.is_reached(name, address, port, given);
            if let Some((index, rule)) = origins().find(|(_, rule)| rule.host == *name)
                && reached(&rule.addresses)
            {
                return Ok(Way::Mediated(index));
            }
            if hosts().any(|rule| rule.has_name(name)) && reached(&[]) {
                return Ok(Way::Straight);
            }
        }
        let literal = |rule: &OriginRule| {
            let own = rule.host.trim_matches(['[', ']']).parse::<IpAddr>();
            own.is_ok_and(|own| plain(own) == plain(address))
        };
        if let Some((index, _)) = origins().find(|(_, rule)| literal(rule)) {
            return Ok(Way::Mediated(index));
        }
        let public = special(address).is_none();
        if hosts()
            .any(|rule| rule.has_address(address) || (matches!(rule.host, Host::Any) && public))
        {
            return Ok(Way::Straight);
        }
        let place = match (names.last(), address) {
            (Some(name), _) => format!("{name}:{port}"),
            (None, IpAddr::V4(address)) => format!("{address}:{port}"),
            (None, IpAddr::V6(address)) => format!("[{address}]:{port}"),
        };
        Err(match special(address) {
            Some(kind) if names.is_empty() => Denied(format!(
                "the address {place} ({kind}) is not granted: grant it (net \"{place}\")"
            )),
            _ => self.denied("the address", &place),
        })
    }
}

/// Names of this machine itself, RFC 6761.
fn is_local(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

impl HostRule {
    fn parse(text: &str) -> Result<Self, String> {
        let (place, addresses) = match text.split_once('=') {
            Some((place, list)) => (place, parse_addresses(list)?),
            None => (text, Vec::new()),
        };
        if place.contains("://") {
            return Err(
                "is an address of the web: give HOST[:PORT], or grant requests to its origin"
                    .into(),
            );
        }
        let (host, port) = split_port(place)?;
        let ports = match port {
            None | Some("*") => ALL_PORTS,
            Some(port) => parse_ports(port)?,
        };
        let host = parse_host(host)?;
        if !addresses.is_empty() && !matches!(host, Host::Name(_)) {
            return Err("only a name can be given addresses".into());
        }
        Ok(Self { host, ports, addresses })
    }

    fn has_name(&self, name: &str) -> bool {
        match &self.host {
            Host::Name(own) => own == name,
            Host::Below(end) => name.len() > end.len() && name.ends_with(end.as_str()),
            Host::Any => true,
            Host::Network(_) => false,
        }
    }

    fn has_address(&self, address: IpAddr) -> bool {
        match &self.host {
            Host::Network(network) => covers(network, address),
            _ => self.addresses.iter().any(|own| plain(*own) == plain(address)),
        }
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => f.write_str(name),
            Host::Below(end) => write!(f, "*{end}"),
            Host::Network(network) => network.fmt(f),
            Host::Any => f.write_str("*"),
        }
    }
}

fn parse_addresses(list: &str) -> Result<Vec<IpAddr>, String> {
    let parse = |text: &str| {
        text.parse().map_err(|_| format!("{text:?} is no address: give numbers, such as 192.0.2.1"))
    };
    list.split(',').map(parse).collect()
}

fn parse_ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || {
        format!("{text:?} is no port: give a number of 1 to 65535, a range such as 8000-8010, or *")
    };
    let port = |text: &str| match text.parse::<u16>() {
        Ok(port) if port > 0 && !text.starts_with('+') => Ok(port),
        _ => Err(wrong()),
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (port(first)?, port(last)?),
        None => (port(text)?, port(text)?),
    };
    if first > last { Err(wrong()) } else { Ok(first..=last) }
}

/// Takes the port off; an address of version 6 that has one is in brackets.
fn split_port(place: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("the bracket is not closed")?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err("behind the bracket comes :PORT".into()),
        };
    }
    match place.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Ok((place, None)),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((place, None)),
    }
}

fn parse_host(text: &str) -> Result<Host, String> {
    if text == "*" {
        return Ok(Host::Any);
    }
    if text.contains('/') {
        let network = text
            .parse::<IpNet>()
            .map_err(|_| "is no network: give one such as 10.0.0.0/8".to_owned())?;
        return match network.trunc() == network {
            true => Ok(Host::Network(network)),
            false => Err(format!("has bits behind its length: give {}", network.trunc())),
        };
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Host::Network(address.into()));
    }
    match text.strip_prefix("*.") {
        Some(rest) => Ok(Host::Below(format!(".{}", name(rest)?))),
        None => Ok(Host::Name(name(text)?)),
    }
}

/// A name of a host as it is compared: in small letters, without a dot at its end.
pub(super) fn name(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if !name.is_ascii() {
        return Err(
            "is written in letters beyond ASCII: give the form that begins with xn--".into()
        );
    }
    if is_number(&name) {
        return Err("is no address: give four decimal numbers, such as 192.0.2.1".into());
    }
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > 253 || !name.split('.').all(label) {
        return Err(
            "is no host: give a name (api.example.com), all names below one (*.example.com), an address or a network"
                .into(),
        );
    }
    Ok(name)
}

impl OriginRule {
    fn new(grant: &HttpGrant) -> Result<Self, String> {
        let (https, rest) =
            match (grant.origin.strip_prefix("https://"), grant.origin.strip_prefix("http://")) {
                (Some(rest), _) => (true, rest),
                (None, Some(rest)) => (false, rest),
                (None, None) => return Err("give https://HOST[:PORT] or http://HOST[:PORT]".into()),
            };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err(
                "is more than an origin: give the path in `paths`, and a credential in `secrets`"
                    .into(),
            );
        }
        let (host, port) = split_port(rest)?;
        let port = match port {
            None => {
                if https {
                    443
                } else {
                    80
                }
            }
            Some(port) => *parse_ports(port)?.start(),
        };
        let host = match host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            Ok(IpAddr::V4(address)) => address.to_string(),
            Err(_) => name(host)?,
        };
        if !https && !grant.secrets.is_empty() && !grant.plain_secrets {
            return Err(
                "a secret would be sent without TLS: grant https, or say so (`plain_secrets`)"
                    .into(),
            );
        }
        for (field, bound) in [("sent", grant.sent), ("received", grant.received)] {
            if bound == Some(0) {
                return Err(format!(
                    "`{field}` is 0, so that no request could be made: give more, or leave it out"
                ));
            }
        }
        let secrets = grant.secrets.iter().map(|secret| http::SecretHeader {
            name: secret.header.clone(),
            value: secret.value.clone(),
        });
        let rule = http::Rule {
            https,
            host: host.clone(),
            port,
            methods: grant.methods.iter().map(|method| method.to_ascii_uppercase()).collect(),
            paths: grant.paths.clone(),
            sent: grant.sent.unwrap_or(u64::MAX),
            received: grant.received.unwrap_or(u64::MAX),
            secrets: secrets.collect(),
        };
        rule.check()?;
        Ok(Self { rule: Arc::new(rule), host, addresses: grant.addresses.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(hosts: &[&str], origins: &[&str]) -> Rules {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let http = origins.iter().map(|origin| HttpGrant::new(*origin)).collect();
        Rules::new(&Network { hosts, http, ..Network::default() }).expect("they are sound")
    }

    /// Where a connection leads: `straight`, the number of an origin, or `denied`.
    fn leads(rules: &Rules, address: &str, port: u16, names: &[&str]) -> String {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        match rules.connect(address.parse().expect("an address"), port, &names) {
            Ok(Way::Straight) => "straight".into(),
            Ok(Way::Mediated(index)) => index.to_string(),
            Err(_) => "denied".into(),
        }
    }

    #[test]
    fn a_name_does_not_open_what_a_network_is_granted_for() {
        let rules = rules(&["*.example.com:443", "10.0.0.0/8:5432", "db.test:6543=10.0.0.9"], &[]);
        for (address, port, name, way) in [
            ("93.184.216.34", 443, "a.example.com", "straight"),
            ("10.0.0.7", 443, "a.example.com", "denied"),
            ("10.0.0.9", 443, "a.example.com", "denied"),
            ("127.0.0.1", 443, "a.example.com", "denied"),
            ("169.254.169.254", 443, "a.example.com", "denied"),
            ("10.0.0.7", 5432, "a.example.com", "straight"),
            ("10.0.0.9", 6543, "db.test", "straight"),
            ("10.0.0.9", 6544, "db.test", "denied"),
        ] {
            assert_eq!(leads(&rules, address, port, &[name]), way, "{address} {port} {name}");
        }
    }

    #[test]
    fn of_names_with_one_address_the_last_decides() {
        let rules = rules(&["b.test:443", "*:80"], &["https://a.test", "http://c.test"]);
        let shared = "93.184.216.34";
        for (port, names, way) in [
            (443, &["b.test", "a.test"][..], "0"),
            (443, &["a.test", "b.test"], "straight"),
            (443, &["a.test", "d.test"], "0"),
            (443, &["d.test"], "denied"),
            (443, &[], "denied"),
            (80, &["a.test", "c.test"], "1"),
            (80, &["c.test", "d.test"], "straight"),
            (80, &[], "straight"),
        ] {
            assert_eq!(leads(&rules, shared, port, names), way, "{port} {names:?}");
        }
    }
}
