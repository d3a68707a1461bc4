//! The network: which hosts a guest may reach, and how much it may move. Plain data.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What of the network a guest may use: nothing, unless it is named here. Only connections to others over TCP can be
/// granted. Names are looked up by the host, once for each interpreter.
///
/// Addresses that are not on the public Internet (loopback, private, link-local, multicast, shared, reserved; in any
/// spelling) are reached only where a grant names the address or its network, or the name is `localhost`.
///
/// ```
/// use ophidia::{HttpGrant, Network, Secret};
/// let mut api = HttpGrant::new("https://api.example.com");
/// api.methods = vec!["GET".into()];
/// api.paths = vec!["/v1/".into()];
/// api.secrets = vec![Secret::new("Authorization", "Bearer 5up3r-s3cr3t")];
/// let network = Network {
///     hosts: vec!["db.example.com:5432".into(), "10.1.0.0/16:8080".into()],
///     http: vec![api],
///     ..Network::default()
/// };
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Network {
    /// Hosts, each as `HOST[:PORT][=ADDRESS,...]`. `HOST` is a name (`api.example.com`), all names below one
    /// (`*.example.com`), an address (`192.0.2.1`, `[2001:db8::1]`), a network (`10.0.0.0/8`), or `*` for every public
    /// host. `PORT` is a number, a range such as `8000-8010`, or left out for all. With addresses the name is not
    /// looked up: it has these.
    pub hosts: Vec<String>,
    /// Origins of which single requests are granted.
    pub http: Vec<HttpGrant>,
    /// Files in the PEM format with the certificates that servers are trusted by. Default: the system's.
    pub roots: Vec<PathBuf>,
}

/// Requests to one origin that a guest may make. Its connections go through the host, which reads each request and
/// passes on what is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct HttpGrant {
    /// The origin: `https://HOST[:PORT]` or `http://HOST[:PORT]`.
    pub origin: String,
    /// The methods, such as `GET`. Default: all but `CONNECT` and `TRACE`, which are never granted.
    #[cfg_attr(feature = "serde", serde(default))]
    pub methods: Vec<String>,
    /// Paths, each with all that is below it: `/v1/` grants `/v1/users` and not `/v10`. Default: all.
    #[cfg_attr(feature = "serde", serde(default))]
    pub paths: Vec<String>,
    /// Bytes of all requests. Default: what [`NetworkLimits`] has.
    #[cfg_attr(feature = "serde", serde(default))]
    pub sent: Option<u64>,
    /// Bytes of all responses. Default: what [`NetworkLimits`] has.
    #[cfg_attr(feature = "serde", serde(default))]
    pub received: Option<u64>,
    /// Headers that the host adds. The guest never holds them.
    #[cfg_attr(feature = "serde", serde(default))]
    pub secrets: Vec<Secret>,
    /// Whether secrets may be sent without TLS. Default: no; an `http` origin with secrets is refused.
    #[cfg_attr(feature = "serde", serde(default))]
    pub plain_secrets: bool,
    /// The addresses of the host's name, which is looked up when there are none.
    #[cfg_attr(feature = "serde", serde(default))]
    pub addresses: Vec<IpAddr>,
}

impl HttpGrant {
    /// All requests to an origin.
    pub fn new(origin: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            methods: Vec::new(),
            paths: Vec::new(),
            sent: None,
            received: None,
            secrets: Vec::new(),
            plain_secrets: false,
            addresses: Vec::new(),
        }
    }
}

/// A header of a request that only the host knows. What the guest sends under its name is replaced, and where its text
/// comes back in a response it is blanked.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Secret {
    /// The header's name, such as `Authorization`.
    pub header: String,
    /// Its value, such as `Bearer 5up3r-s3cr3t`. It is not shown by `Debug`.
    pub value: String,
}

impl Secret {
    /// A header and its value.
    pub fn new(header: impl Into<String>, value: impl Into<String>) -> Self {
        Self { header: header.into(), value: value.into() }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("header", &self.header).field("value", &"***").finish()
    }
}

/// How much of the network one interpreter may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct NetworkLimits {
    /// Connections at once. One more fails with `OSError` (`EMFILE`). Default: 32.
    pub connections: u32,
    /// Connections in all, and as many names that are looked up; of names that are found an interpreter remembers 1,024
    /// at most. One more fails with `OSError` (`EDQUOT`). Default: 10,000.
    pub opened: u64,
    /// Bytes sent in all. More fails with `OSError` (`EDQUOT`). Default: 1 GiB.
    pub sent: u64,
    /// Bytes received in all. More fails with `OSError` (`EDQUOT`). Default: 1 GiB.
    pub received: u64,
    /// How long looking up a name or connecting may take. Then it fails with `TimeoutError`. Default: 10 seconds. In
    /// serde's formats a number of seconds.
    #[cfg_attr(feature = "serde", serde(with = "super::limits::whole_seconds"))]
    pub connect: Duration,
}

impl Default for NetworkLimits {
    fn default() -> Self {
        Self {
            connections: 32,
            opened: 10_000,
            sent: 1 << 30,
            received: 1 << 30,
            connect: Duration::from_secs(10),
        }
    }
}
