//! TLS of a connection to an origin: the host's own, with its roots, for the origin's name.

use super::Mediated;
use crate::sandbox::net::stream::Counted;
use crate::sandbox::net::tls::{self, Failure, Roots, Settings};
use crate::sandbox::net::traffic::Traffic;
use crate::sandbox::net::{Fault, rules};
use ophidia_abi::tls::{PENDING, WANT_READ, WANT_WRITE};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;

/// TLS of one whose origin has it.
#[derive(Debug, Default)]
pub(super) struct Secure {
    pub(super) roots: Roots,
    pub(super) connection: Option<Box<ClientConnection>>,
    pub(super) ready: bool,
    pub(super) failure: Option<Failure>,
    /// The guest writes and reads frames in place of records.
    pub(super) framed: bool,
    /// A frame that is not there whole, and how much of one of data is yet to come.
    pub(super) come: Vec<u8>,
    pub(super) data: usize,
    /// Whether the end of the handshake was told, and that of the responses.
    pub(super) told: bool,
    pub(super) over: bool,
    /// The rest of a frame for which there was no room.
    pub(super) rest: Vec<u8>,
}

/// Why TLS is not there.
#[derive(Debug)]
pub(in super::super) enum Unsecured {
    Wants(i32),
    Failed(Failure),
    Fault(Fault),
}

impl From<Fault> for Unsecured {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Mediated {
    /// Begins TLS with the origin, by the name that a program of the guest's expects there.
    pub(super) fn begin(&mut self, settings: &Settings) -> Result<(), Fault> {
        let host = self.rule.host.trim_matches(['[', ']']);
        let named = settings.name.trim_matches(['[', ']']);
        let same =
            named.is_empty() || rules::name(named).is_ok_and(|name| name == host) || named == host;
        if !same {
            return Err(Fault::Denied(format!(
                "TLS for {:?} over a connection to {host}: it is for the origin's own name",
                settings.name
            )));
        }
        let Some(secure) = &mut self.secure else { return Ok(()) };
        if secure.connection.is_none() {
            let broken = |said: String| Fault::Protocol(said);
            let config = tls::config_for_origins(&secure.roots)
                .map_err(|error| broken(error.to_string()))?;
            let name =
                ServerName::try_from(host.to_owned()).map_err(|error| broken(error.to_string()))?;
            let connection = ClientConnection::new(Arc::new(config), name)
                .map_err(|error| broken(error.to_string()))?;
            secure.connection = Some(Box::new(connection));
        }
        Ok(())
    }

    /// Goes on with TLS for a program of the guest's that has its socket wrapped.
    pub(in super::super) fn secure(
        &mut self,
        settings: &Settings,
        traffic: &mut Traffic,
    ) -> Result<(), Unsecured> {
        self.unless_refused()?;
        let begun = self.begin(settings);
        self.refuse(begun)?;
        self.go_on(traffic)
    }

    pub(super) fn go_on(&mut self, traffic: &mut Traffic) -> Result<(), Unsecured> {
        let Some(Secure { connection: Some(_), ready, failure, .. }) = &self.secure else {
            return Err(Unsecured::Wants(WANT_READ));
        };
        if let Some(failure) = failure {
            return Err(Unsecured::Failed(failure.clone()));
        }
        if *ready {
            return Ok(());
        }
        loop {
            match self.flush(traffic) {
                Err(fault) if fault.waits() => return Err(Unsecured::Wants(WANT_WRITE)),
                outcome => outcome?,
            }
            let Some(Secure { connection: Some(connection), ready, failure, .. }) =
                &mut self.secure
            else {
                return Err(Unsecured::Wants(WANT_READ));
            };
            if !connection.is_handshaking() {
                *ready = true;
                return Ok(());
            }
            let mut from =
                Counted { stream: &mut self.stream, traffic: &mut *traffic, refused: None };
            let read = match connection.read_tls(&mut from) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(Unsecured::Wants(WANT_READ));
                }
                Err(error) => {
                    return Err(from.refused.take().unwrap_or(Fault::System(error)).into());
                }
            };
            let failed = match connection.process_new_packets() {
                Ok(_) if read == 0 => {
                    Failure::protocol("the origin closed the connection in the handshake".into())
                }
                Ok(_) => continue,
                Err(error) => Failure::of(&error),
            };
            *failure = Some(failed.clone());
            // The origin is told, as far as it hears.
            let _ = self.flush(traffic);
            return Err(Unsecured::Failed(failed));
        }
    }

    pub(in super::super) fn about(&self, what: u32) -> Vec<u8> {
        if what == PENDING {
            let pending = i32::try_from(self.to_guest.len()).unwrap_or(i32::MAX);
            return pending.to_le_bytes().to_vec();
        }
        let connection = self.secure.as_ref().and_then(|secure| secure.connection.as_ref());
        connection.map(|connection| tls::about(connection, what)).unwrap_or_default()
    }
}
