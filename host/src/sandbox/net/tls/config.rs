//! What connections of TLS are made with: roots, versions, protocols.

use super::super::{Fault, Network};
use super::verify::Lenient;
use crate::error::{Error, Result};
use ophidia_abi::tls::{CERTIFICATES, CIPHER, PROTOCOL, VERSION};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Where systems keep the certificates that they trust.
const SYSTEM: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Certificates of a guest's own, in all, in bytes, and sets of them.
const MOST_TRUSTED: usize = 4 << 20;
const MOST_SETS: usize = 16;

/// Bytes of a certificate, at least.
const LEAST_CERTIFICATE: usize = 64;

/// Ways of connecting whose sessions are remembered.
const MOST_CONFIGS: usize = 16;

/// The certificates that servers are trusted by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roots(Option<Arc<RootCertStore>>);

impl Roots {
    /// Those in these files; the system's, when there are none.
    pub(crate) fn new(files: &[PathBuf]) -> Result<Self> {
        if files.is_empty() {
            return Ok(Self(None));
        }
        let mut store = RootCertStore::empty();
        for file in files {
            let refused = |said: String| {
                Error::grant(format!(
                    "roots {}: {said} (name a file with certificates in the PEM format)",
                    file.display()
                ))
            };
            let before = store.len();
            read(file, &mut store).map_err(refused)?;
            if store.len() == before {
                return Err(refused("no certificate is in it".into()));
            }
        }
        Ok(Self(Some(Arc::new(store))))
    }

    fn store(&self) -> Arc<RootCertStore> {
        static FOUND: OnceLock<Arc<RootCertStore>> = OnceLock::new();
        match &self.0 {
            Some(store) => Arc::clone(store),
            None => Arc::clone(FOUND.get_or_init(|| {
                let mut store = RootCertStore::empty();
                if let Some(path) = SYSTEM.iter().map(Path::new).find(|path| path.exists()) {
                    // Without any, no server is trusted, which its connection tells.
                    let _ = read(path, &mut store);
                }
                Arc::new(store)
            })),
        }
    }
}

fn read(file: &Path, store: &mut RootCertStore) -> Result<(), String> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    store.add_parsable_certificates(certificates.filter_map(std::result::Result::ok));
    Ok(())
}

/// What a guest asks of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Settings {
    /// The server's name; empty for none.
    pub(crate) name: String,
    /// Whether its certificate is checked, and whether for its name.
    pub(crate) verify: bool,
    pub(crate) verify_name: bool,
    /// The versions, as on the wire; 0 for any.
    pub(crate) minimum: u32,
    pub(crate) maximum: u32,
    /// The protocols to choose from.
    pub(crate) protocols: Vec<Vec<u8>>,
    /// The roots of the guest's own, beside the host's.
    pub(crate) trust: u32,
}

impl Settings {
    /// Reads what `bridge/tls.c` writes.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let word = |index: usize| Some(u32::from_le_bytes(*bytes.get(index * 4..)?.first_chunk()?));
        let (flags, minimum, maximum, trust) = (word(0)?, word(1)?, word(2)?, word(3)?);
        let (name, rest) = bytes.get(24..)?.split_at_checked(usize::try_from(word(4)?).ok()?)?;
        let mut rest = rest.get(..usize::try_from(word(5)?).ok()?)?;
        let mut protocols = Vec::new();
        while let Some((len, behind)) = rest.split_first() {
            let (protocol, behind) = behind.split_at_checked((*len).into())?;
            protocols.push(protocol.to_vec());
            rest = behind;
        }
        Some(Self {
            name: std::str::from_utf8(name).ok()?.to_owned(),
            verify: flags & 1 != 0,
            verify_name: flags & 2 != 0,
            minimum,
            maximum,
            protocols,
            trust,
        })
    }
}

/// Certificates of a guest's own, and configurations that connections share.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    /// By the hash of what was given: the certificates, and the host's.
    sets: Vec<([u8; 32], Arc<RootCertStore>)>,
    bytes: usize,
    configs: HashMap<Settings, Arc<ClientConfig>>,
}

impl Trust {
    /// Takes certificates, each behind its length; gives their number.
    pub(in super::super) fn add(&mut self, bytes: &[u8], roots: &Roots) -> Result<u32, Fault> {
        let hash: [u8; 32] = Sha256::digest(bytes).into();
        if let Some(known) = self.sets.iter().position(|(own, _)| *own == hash) {
            return Ok(u32::try_from(known + 1).unwrap_or(u32::MAX));
        }
        if self.sets.len() >= MOST_SETS || self.bytes + bytes.len() > MOST_TRUSTED {
            return Err(Fault::Quota(format!(
                "a program trusts at most {MOST_SETS} sets of certificates of {MOST_TRUSTED} bytes in all"
            )));
        }
        let invalid = || Fault::from(io::ErrorKind::InvalidInput);
        let mut store = (*roots.store()).clone();
        let mut rest = bytes;
        while let Some((len, behind)) = rest.split_first_chunk() {
            let len = usize::try_from(u32::from_le_bytes(*len)).unwrap_or(usize::MAX);
            // None is so short; and each takes a while to be looked at.
            if len < LEAST_CERTIFICATE {
                return Err(invalid());
            }
            let (certificate, behind) = behind.split_at_checked(len).ok_or_else(invalid)?;
            store.add_parsable_certificates([CertificateDer::from(certificate.to_vec())]);
            rest = behind;
        }
        self.bytes += bytes.len();
        self.sets.push((hash, Arc::new(store)));
        Ok(u32::try_from(self.sets.len()).unwrap_or(u32::MAX))
    }

    /// The roots of this number; the host's alone for 0 and for what was never given.
    fn store(&self, number: u32, roots: &Roots) -> Arc<RootCertStore> {
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let set = index.and_then(|index| self.sets.get(index));
        set.map_or_else(|| roots.store(), |(_, store)| Arc::clone(store))
    }
}

/// A connection of a guest's own.
pub(super) fn connect(
    network: &mut Network,
    settings: &Settings,
) -> Result<ClientConnection, Fault> {
    let invalid =
        |error: rustls::Error| Fault::System(io::Error::new(io::ErrorKind::InvalidInput, error));
    // Without a name there is none to send or to compare: any address does.
    let nameless = settings.name.is_empty();
    let name = match nameless {
        true => ServerName::from(std::net::IpAddr::from([0, 0, 0, 0])),
        false => ServerName::try_from(settings.name.clone())
            .map_err(|_| Fault::from(io::ErrorKind::InvalidInput))?,
    };
    let verify_name = settings.verify_name && !nameless;
    let key = Settings { name: String::new(), verify_name, ..settings.clone() };
    let config = match network.trust.configs.get(&key) {
        Some(config) => Arc::clone(config),
        None => {
            let store = network.trust.store(key.trust, network.roots());
            let config = Arc::new(client_config(&key, store).map_err(invalid)?);
            if network.trust.configs.len() >= MOST_CONFIGS {
                network.trust.configs.clear();
            }
            network.trust.configs.insert(key, Arc::clone(&config));
            config
        }
    };
    ClientConnection::new(config, name).map_err(invalid)
}

/// What connections of the host's own to an origin are made with: its roots, and the certificate is always checked.
pub(in super::super) fn config_for_origins(roots: &Roots) -> Result<ClientConfig, rustls::Error> {
    let settings = Settings {
        verify: true,
        verify_name: true,
        protocols: vec![b"http/1.1".to_vec()],
        ..Settings::default()
    };
    client_config(&settings, roots.store())
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(ring::default_provider())))
}

fn client_config(
    settings: &Settings,
    store: Arc<RootCertStore>,
) -> Result<ClientConfig, rustls::Error> {
    let versions: Vec<&'static SupportedProtocolVersion> = [(0x0303, &TLS12), (0x0304, &TLS13)]
        .into_iter()
        .filter(|(version, _)| *version >= settings.minimum)
        .filter(|(version, _)| settings.maximum == 0 || *version <= settings.maximum)
        .map(|(_, supported)| supported)
        .collect();
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)?;
    let mut config = if settings.verify && settings.verify_name {
        builder.with_root_certificates(store).with_no_client_auth()
    } else {
        let chain = settings.verify.then(|| {
            // Nothing can be checked by no roots.
            WebPkiServerVerifier::builder_with_provider(store, Arc::clone(&provider)).build().ok()
        });
        let verifier = Arc::new(Lenient { chain, provider });
        builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
    };
    config.alpn_protocols.clone_from(&settings.protocols);
    Ok(config)
}

/// What is known of a connection.
pub(in super::super) fn about(connection: &ClientConnection, what: u32) -> Vec<u8> {
    match what {
        VERSION => match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => b"TLSv1.3".to_vec(),
            Some(ProtocolVersion::TLSv1_2) => b"TLSv1.2".to_vec(),
            _ => Vec::new(),
        },
        CIPHER => match connection.negotiated_cipher_suite() {
            Some(suite) => openssl_name(&format!("{:?}", suite.suite())).into_bytes(),
            None => Vec::new(),
        },
        PROTOCOL => connection.alpn_protocol().map(<[u8]>::to_vec).unwrap_or_default(),
        CERTIFICATES => {
            let mut told = Vec::new();
            for certificate in connection.peer_certificates().unwrap_or_default() {
                let len = u32::try_from(certificate.len()).unwrap_or(u32::MAX);
                told.extend_from_slice(&len.to_le_bytes());
                told.extend_from_slice(certificate);
            }
            told
        }
        _ => Vec::new(),
    }
}

/// `TLS13_AES_256_GCM_SHA384` is `TLS_AES_256_GCM_SHA384` to OpenSSL, `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` is
/// `ECDHE-RSA-AES128-GCM-SHA256`.
fn openssl_name(name: &str) -> String {
    if let Some(rest) = name.strip_prefix("TLS13_") {
        return format!("TLS_{rest}");
    }
    let rest = name.strip_prefix("TLS_").unwrap_or(name);
    let rest = rest.replace("_WITH_", "-").replace("AES_", "AES");
    rest.replace("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305").replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::openssl_name;

    #[test]
    fn suites_have_openssls_names() {
        for (rustls, openssl) in [
            ("TLS13_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
            ("TLS13_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
            ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
            ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        ] {
            assert_eq!(openssl_name(rustls), openssl);
        }
    }
}
