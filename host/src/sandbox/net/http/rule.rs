//! What one origin is granted, and how much of it is used.

use super::blank::Needles;
use super::forms;
use super::head::is_token;
use super::path;
use super::refusal::Fault;
use std::sync::atomic::{AtomicU64, Ordering};

/// Longest value of a secret header. The longest spelling that is blanked is sixteen times as long.
const MOST_SECRET: usize = 4096;

/// Shorter secrets would blank by accident, and could be guessed by what is blanked.
const LEAST_SECRET: usize = 4;

/// Headers that the mediation writes or drops itself, so no secret goes into them.
const RESERVED: [&str; 11] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "range",
    "if-range",
    "accept-encoding",
];

/// What one origin is granted, compiled from plain data by the caller.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) https: bool,
    /// Lower case, without the port; IPv6 in brackets, as in a `Host` header.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Upper case; empty is every method but CONNECT and TRACE.
    pub(crate) methods: Vec<String>,
    /// Prefixes that begin with `/`, matched on whole segments; empty is every path.
    pub(crate) paths: Vec<String>,
    /// Most bytes, heads and bodies, that one interpreter may send over all its connections.
    pub(crate) sent: u64,
    /// Most bytes, heads and bodies, that one interpreter may receive.
    pub(crate) received: u64,
    pub(crate) secrets: Vec<SecretHeader>,
}

/// A header that is added to every request and that the guest never sees.
pub(crate) struct SecretHeader {
    pub(crate) name: String,
    /// The whole value, `Bearer sk-123` and the like.
    pub(crate) value: String,
}

impl std::fmt::Debug for SecretHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretHeader").field("name", &self.name).field("value", &"***").finish()
    }
}

impl Rule {
    /// Whether it can be kept: host, methods and paths are in the form that requests are compared in, and each secret
    /// can be sent and blanked. The error says what is wrong and never holds a secret.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.check_host()?;
        for method in &self.methods {
            if !is_method(method) || is_tunnel(method) {
                return Err(format!(
                    "method {method:?} cannot be granted: name upper-case methods other than CONNECT and TRACE"
                ));
            }
        }
        for path in &self.paths {
            match path::canonical(path, true) {
                Ok(_) if !path.contains('?') => {}
                Ok(_) => {
                    return Err(format!("path {path:?} cannot be granted: leave out the query"));
                }
                Err(why) => return Err(format!("path {path:?} cannot be granted: {why}")),
            }
        }
        for (index, secret) in self.secrets.iter().enumerate() {
            let earlier = self.secrets.iter().take(index);
            if earlier.into_iter().any(|other| other.name.eq_ignore_ascii_case(&secret.name)) {
                return Err(format!("secret header {:?} is there twice: keep one", secret.name));
            }
            secret.check()?;
        }
        Ok(())
    }

    fn check_host(&self) -> Result<(), String> {
        let inner = self.host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let valid = match inner {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
                !self.host.is_empty() && self.host.bytes().all(named)
            }
        };
        if !valid || self.host.bytes().any(|byte| byte.is_ascii_uppercase()) || self.port == 0 {
            return Err(format!(
                "origin {:?} port {} cannot be granted: name a host in lower case and a port other than 0",
                self.host, self.port
            ));
        }
        Ok(())
    }

    /// The value of `Host` that is sent on: without the port if it is the scheme's own.
    pub(super) fn authority(&self) -> String {
        match self.port == self.default_port() {
            true => self.host.clone(),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// The origin as it is shown in messages.
    pub(super) fn origin(&self) -> String {
        format!("{}://{}", self.scheme(), self.authority())
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// Whether an authority is this origin's. The scheme's own port may be written out.
    pub(super) fn is_authority(&self, text: &[u8]) -> bool {
        let with_port = format!("{}:{}", self.host, self.port);
        text.eq_ignore_ascii_case(with_port.as_bytes())
            || text.eq_ignore_ascii_case(self.authority().as_bytes())
    }

    fn default_port(&self) -> u16 {
        if self.https { 443 } else { 80 }
    }

    /// Refuses a method that is not granted.
    pub(super) fn method(&self, method: &str) -> Result<(), Fault> {
        if !is_method(method) {
            return Err(Fault::malformed(format!(
                "method '{method}' is not in upper case, so origins could take it differently: write it in upper case"
            )));
        }
        if is_tunnel(method) {
            return Err(Fault::denied(format!(
                "method {method} is never granted: send plain requests to the origin"
            )));
        }
        if !self.methods.is_empty() && !self.methods.iter().any(|one| one == method) {
            return Err(Fault::denied(format!(
                "method {method} is not granted, only {}: add it to the methods of this origin's grant (http)",
                self.methods.join(", ")
            )));
        }
        Ok(())
    }
}

impl SecretHeader {
    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let lower = name.to_ascii_lowercase();
        if !is_token(name.as_bytes()) || RESERVED.contains(&&*lower) || lower.starts_with("proxy-")
        {
            return Err(format!("secret header {name:?} cannot be sent: name another header"));
        }
        let visible = self.value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !visible || self.value.trim() != self.value || self.value.len() > MOST_SECRET {
            return Err(format!(
                "the value of secret header {name:?} cannot be sent: it must be at most {MOST_SECRET} printable ASCII \
                 characters without spaces around it"
            ));
        }
        for part in forms::parts(&self.value) {
            if part.len() < LEAST_SECRET || part.iter().any(u8::is_ascii_control) {
                return Err(format!(
                    "the value of secret header {name:?} cannot be blanked: each part of it needs at least \
                     {LEAST_SECRET} bytes and no control characters"
                ));
            }
        }
        Ok(())
    }
}

/// A token without lower-case letters: origins that ignore case would read `head` as HEAD.
fn is_method(method: &str) -> bool {
    is_token(method.as_bytes()) && !method.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// What makes a tunnel of the connection, changes its protocol, or sends the secrets back.
fn is_tunnel(method: &str) -> bool {
    matches!(method, "CONNECT" | "TRACE" | "TRACK" | "PRI")
}

/// Bytes used of one rule, shared by all connections of one interpreter to its origin.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Counts {
    /// Bytes sent and received.
    pub(in crate::sandbox::net) fn spent(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed))
    }

    /// Goes on where so much has been used.
    pub(in crate::sandbox::net) fn go_on(&self, (sent, received): (u64, u64)) {
        self.sent.store(sent, Ordering::Relaxed);
        self.received.store(received, Ordering::Relaxed);
    }

    pub(super) fn send(&self, bytes: usize, rule: &Rule) -> Result<(), Fault> {
        match add(&self.sent, bytes, rule.sent) {
            true => Ok(()),
            false => Err(Fault::quota(format!(
                "more than the {} bytes that may be sent: raise `sent` in this origin's grant",
                rule.sent
            ))),
        }
    }

    pub(super) fn receive(&self, bytes: usize, rule: &Rule) -> Result<(), Fault> {
        match add(&self.received, bytes, rule.received) {
            true => Ok(()),
            false => Err(Fault::quota(format!(
                "more than the {} bytes that may be received: raise `received` in this origin's grant",
                rule.received
            ))),
        }
    }
}

/// Adds what fits; what does not is not counted, so it takes nothing from other connections.
fn add(count: &AtomicU64, bytes: usize, most: u64) -> bool {
    let more = u64::try_from(bytes).unwrap_or(u64::MAX);
    let sum = |now: u64| now.checked_add(more).filter(|sum| *sum <= most);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum).is_ok()
}

/// What is to be blanked in this rule's responses.
pub(super) fn needles(rule: &Rule) -> Needles {
    Needles::new(rule.secrets.iter().map(|secret| &*secret.value))
}
