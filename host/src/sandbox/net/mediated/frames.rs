//! What a guest that keeps records of TLS in memory exchanges with the socket in their place: frames of plain text.

use super::secure::Unsecured;
use super::{Mediated, PIECE};
use crate::sandbox::net::Fault;
use crate::sandbox::net::tls::framed::{self, CLOSE, DATA, DONE, ERROR, HEAD, START, frame};
use crate::sandbox::net::tls::{self, Settings};
use crate::sandbox::net::traffic::Traffic;
use std::io;

impl Mediated {
    /// What the guest sends over the socket itself.
    pub(in super::super) fn send(
        &mut self,
        bytes: &[u8],
        traffic: &mut Traffic,
    ) -> Result<usize, Fault> {
        if self.secure.is_none() {
            return self.write_plain(bytes, traffic);
        }
        self.unless_refused()?;
        let outcome = self.take_frames(bytes, traffic);
        self.refuse(outcome)
    }

    fn take_frames(&mut self, bytes: &[u8], traffic: &mut Traffic) -> Result<usize, Fault> {
        self.stream.connected()?;
        let mut taken = 0;
        while let Some((_, rest)) =
            bytes.split_at_checked(taken).filter(|(_, rest)| !rest.is_empty())
        {
            let Some(secure) = &mut self.secure else { break };
            secure.framed = true;
            if secure.data > 0 {
                let piece = rest.get(..rest.len().min(secure.data)).unwrap_or_default();
                let count = match self.take_requests(piece, traffic) {
                    Err(fault) if fault.waits() && taken > 0 => break,
                    outcome => outcome?,
                };
                if let Some(secure) = &mut self.secure {
                    secure.data -= count;
                }
                taken += count;
                continue;
            }
            let Some(byte) = rest.first() else { break };
            secure.come.push(*byte);
            taken += 1;
            let Some((kind, len)) = framed::head(&secure.come) else { continue };
            match kind {
                DATA if secure.ready => {
                    secure.data = len;
                    secure.come.clear();
                }
                START | CLOSE if len <= 1024 => {
                    if secure.come.len() == HEAD + len {
                        let text = secure.come.split_off(HEAD);
                        secure.come.clear();
                        if kind == START {
                            let name = String::from_utf8_lossy(&text).into_owned();
                            let settings = Settings { name, ..Settings::default() };
                            self.begin(&settings)?;
                        }
                    }
                }
                _ => {
                    return Err(Fault::Denied(format!(
                        "requests to {} are granted one by one: let Python's ssl module do TLS, or grant the host as a whole",
                        self.rule.host
                    )));
                }
            }
        }
        if taken > 0 {
            // A handshake goes on when something is written or read.
            match self.go_on(traffic) {
                Ok(()) | Err(Unsecured::Wants(_) | Unsecured::Failed(_)) => {}
                Err(Unsecured::Fault(fault)) => return Err(fault),
            }
        }
        Ok(taken)
    }

    /// What the guest receives over the socket itself.
    pub(in super::super) fn receive(
        &mut self,
        bytes: &mut [u8],
        peek: bool,
        traffic: &mut Traffic,
    ) -> Result<usize, Fault> {
        if peek {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if self.secure.is_none() {
            return self.read_plain(bytes, traffic);
        }
        let Some(body) = self.next_frame(traffic)? else { return Ok(0) };
        let count = body.len().min(bytes.len());
        for (to, from) in bytes.iter_mut().zip(&body) {
            *to = *from;
        }
        if let (Some(secure), Some(rest)) = (&mut self.secure, body.get(count..)) {
            secure.rest = rest.to_vec();
        }
        Ok(count)
    }

    /// The bytes of the next frame for the guest; `None` at the end.
    fn next_frame(&mut self, traffic: &mut Traffic) -> Result<Option<Vec<u8>>, Fault> {
        let waits = || Fault::from(io::ErrorKind::WouldBlock);
        let Some(secure) = &mut self.secure else { return Err(waits()) };
        if !secure.rest.is_empty() {
            return Ok(Some(std::mem::take(&mut secure.rest)));
        }
        if !secure.told {
            let told = self.go_on(traffic);
            let Some(secure) = &mut self.secure else { return Err(waits()) };
            let mut frames = Vec::new();
            match told {
                Ok(()) => {
                    let connection = secure.connection.as_ref().ok_or_else(waits)?;
                    frame(DONE, &framed::known(|what| tls::about(connection, what)), &mut frames);
                }
                Err(Unsecured::Failed(failure)) => frame(ERROR, &failure.told(), &mut frames),
                Err(Unsecured::Wants(_)) => return Err(waits()),
                Err(Unsecured::Fault(fault)) => return Err(fault),
            }
            secure.told = true;
            return Ok(Some(frames));
        }
        if secure.failure.is_some() || secure.over {
            return Ok(None);
        }
        let mut plain = [0; PIECE];
        let read = self.read_plain(&mut plain, traffic)?;
        let mut frames = Vec::new();
        match plain.get(..read) {
            Some(bytes) if read > 0 => frame(DATA, bytes, &mut frames),
            _ => {
                frame(CLOSE, &[], &mut frames);
                if let Some(secure) = &mut self.secure {
                    secure.over = true;
                }
            }
        }
        Ok(Some(frames))
    }
}
