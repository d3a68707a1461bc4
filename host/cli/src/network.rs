//! Which hosts a program may reach: options of the network.

use crate::Usage;
use crate::values::{self, Grace, Size};
use ophidia::{HttpGrant, NetworkLimits, SandboxBuilder, Secret};
use std::path::PathBuf;

const HEADING: &str = "Network";

/// The options.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Net {
    /// Grant a host: a name, *.NAME, an address, a network (10.0.0.0/8), or * for every public host
    ///
    /// With :PORT or :FIRST-LAST only these ports, with =ADDRESS,... the name has these addresses. The names are looked
    /// up by the host. Addresses that are not public are reached where they are named here, and localhost. Repeatable.
    #[arg(long = "net", value_name = "HOST[:PORT][=ADDRESS]", help_heading = HEADING)]
    hosts: Vec<String>,

    /// Grant requests to an origin, each of which is looked at: 'GET,HEAD https://api.example.com/v1/'
    ///
    /// Without methods all, but for CONNECT and TRACE; with a path only what is below it. Repeatable; paths of one origin
    /// add up.
    #[arg(
        long = "http",
        value_name = "[METHODS ]ORIGIN[/PATH]",
        value_parser = http,
        help_heading = HEADING
    )]
    origins: Vec<HttpGrant>,

    /// Add a header to requests to an origin of --http, and blank its text in responses
    ///
    /// Such as 'https://api.example.com Authorization: Bearer $TOKEN'. $NAME and ${NAME} stand for variables that are set
    /// here (quote them, so that the shell leaves them alone); the program sees neither them nor the header. Repeatable.
    #[arg(
        long = "secret",
        value_name = "ORIGIN HEADER: TEXT",
        value_parser = secret,
        help_heading = HEADING
    )]
    secrets: Vec<(String, Secret)>,

    /// Let secrets be sent to origins that have no TLS
    #[arg(long, requires = "secrets", help_heading = HEADING)]
    plain_secrets: bool,

    /// Trust servers by the certificates in this file, and not by the system's
    ///
    /// In the PEM format. Repeatable.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    roots: Vec<PathBuf>,

    /// Connections it may have at once
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "N",
        default_value_t = NetworkLimits::default().connections,
        value_parser = values::at_least_one,
        help_heading = HEADING
    )]
    connections: u32,

    /// Connections it may open in all, and names it may look up
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "N",
        default_value_t = NetworkLimits::default().opened,
        value_parser = values::count,
        help_heading = HEADING
    )]
    opened: u64,

    /// What it may send in all
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "SIZE",
        default_value_t = Size(NetworkLimits::default().sent),
        value_parser = values::quota,
        help_heading = HEADING
    )]
    sent: Size,

    /// What it may receive in all
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "SIZE",
        default_value_t = Size(NetworkLimits::default().received),
        value_parser = values::quota,
        help_heading = HEADING
    )]
    received: Size,

    /// How long connecting or looking up a name may take
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "TIME",
        default_value_t = Grace(NetworkLimits::default().connect),
        value_parser = values::connect,
        help_heading = HEADING
    )]
    connect: Grace,
}

impl Net {
    /// Puts grants of one origin together, and gives them their secrets.
    pub(crate) fn settle(&mut self) -> Result<(), Usage> {
        let mut origins: Vec<HttpGrant> = Vec::new();
        for mut grant in std::mem::take(&mut self.origins) {
            match origins.iter_mut().find(|other| other.origin == grant.origin) {
                None => origins.push(grant),
                Some(other) if other.methods != grant.methods => {
                    return Err(Usage(format!(
                        "--http: {} is granted with different methods: give the same for each of its paths",
                        grant.origin
                    )));
                }
                Some(other) if other.paths.is_empty() || grant.paths.is_empty() => {
                    other.paths.clear()
                }
                Some(other) => other.paths.append(&mut grant.paths),
            }
        }
        for (origin, secret) in &self.secrets {
            let Some(grant) = origins.iter_mut().find(|grant| grant.origin == *origin) else {
                return Err(Usage(format!(
                    "--secret: no requests to {origin} are granted: grant them with --http {origin}"
                )));
            };
            grant.plain_secrets = self.plain_secrets;
            grant.secrets.push(secret.clone());
        }
        self.origins = origins;
        Ok(())
    }

    /// A sandbox with these grants.
    pub(crate) fn apply(&self, mut builder: SandboxBuilder) -> SandboxBuilder {
        for host in &self.hosts {
            builder = builder.net(host);
        }
        for origin in &self.origins {
            builder = builder.http(origin.clone());
        }
        for roots in &self.roots {
            builder = builder.roots(roots);
        }
        builder
    }

    /// What these options allow.
    pub(crate) fn limits(&self) -> NetworkLimits {
        let any = |size: Size| if size.0 == 0 { u64::MAX } else { size.0 };
        NetworkLimits {
            connections: self.connections,
            opened: self.opened,
            sent: any(self.sent),
            received: any(self.received),
            connect: self.connect.0,
        }
    }
}

/// An origin and what is behind it.
fn split_origin(text: &str) -> Result<(&str, &str), String> {
    let wrong = || "give https://HOST[:PORT] or http://HOST[:PORT], and a path".to_owned();
    let (_, rest) = text.split_once("://").ok_or_else(wrong)?;
    let at = rest.find('/').map_or(text.len(), |at| text.len() - rest.len() + at);
    text.split_at_checked(at).ok_or_else(wrong)
}

/// Reads `GET,HEAD https://api.example.com/v1/`.
fn http(text: &str) -> Result<HttpGrant, String> {
    let (methods, place) = match text.trim().rsplit_once(' ') {
        Some((methods, place)) => (Some(methods), place),
        None => (None, text.trim()),
    };
    let (origin, path) = split_origin(place)?;
    let mut grant = HttpGrant::new(origin);
    let methods = methods.into_iter().flat_map(|methods| methods.split([',', ' ']));
    grant.methods = methods.filter(|method| !method.is_empty()).map(str::to_owned).collect();
    if !matches!(path, "" | "/") {
        grant.paths.push(path.to_owned());
    }
    Ok(grant)
}

/// Reads `https://api.example.com Authorization: Bearer $TOKEN`.
fn secret(text: &str) -> Result<(String, Secret), String> {
    let wrong =
        "give ORIGIN HEADER: TEXT, such as 'https://api.example.com Authorization: Bearer $TOKEN'";
    let (origin, header) = text.trim().split_once(' ').ok_or(wrong)?;
    let (name, value) = header.split_once(':').ok_or(wrong)?;
    let (origin, path) = split_origin(origin)?;
    if !matches!(path, "" | "/") {
        return Err("a secret is for an origin: leave the path out".into());
    }
    Ok((origin.to_owned(), Secret::new(name.trim(), filled(value.trim())?)))
}

/// A text with the host's variables in place of their names.
fn filled(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        let braced = behind.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, behind) = braced.unwrap_or_else(|| {
            let end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
            behind.split_at(behind.find(end).unwrap_or(behind.len()))
        });
        out.push_str(&values::host_variable(name)?);
        rest = behind;
    }
    Ok(out + rest)
}
