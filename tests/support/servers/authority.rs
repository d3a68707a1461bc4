//! Certificates: an authority that tests trust, and what TLS servers show of it.

use std::io::Write as _;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use tempfile::NamedTempFile;

/// A certificate authority with a key of its own. A second one serves as the one that is not trusted.
#[derive(Debug, Clone)]
pub struct Authority {
    issuer: Arc<CertifiedIssuer<'static, KeyPair>>,
}

/// How a server does TLS.
///
/// At first: a certificate issued by the authority and valid for long, TLS 1.2 and 1.3, no ALPN.
#[derive(Debug, Clone)]
pub struct Tls {
    authority: Authority,
    names: Vec<String>,
    expired: bool,
    self_signed: bool,
    only_tls12: bool,
    alpn: Vec<Vec<u8>>,
}

/// A certificate and its key.
pub(super) struct Issued {
    pub(super) certificate: rcgen::Certificate,
    pub(super) key: KeyPair,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// Makes a key (ECDSA P-256) and a certificate for it.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        // Of one name, the wrong one of two would be a bad signature and not an unknown issuer.
        let key = key();
        let name: String =
            key.public_key_raw().iter().rev().take(8).map(|byte| format!("{byte:02x}")).collect();
        params.distinguished_name.push(DnType::CommonName, format!("Ophidia's tests {name}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority can be made");
        Self { issuer: Arc::new(issuer) }
    }

    /// Its certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Its certificate in DER.
    #[must_use]
    pub fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// A file with its certificate in PEM, removed when dropped.
    #[must_use]
    pub fn pem_file(&self) -> NamedTempFile {
        let mut file = NamedTempFile::with_suffix(".pem").expect("a temporary file can be made");
        file.write_all(self.pem().as_bytes()).expect("a temporary file can be written");
        file
    }

    /// TLS with a certificate for these host names and addresses.
    #[must_use]
    pub fn tls(&self, names: &[&str]) -> Tls {
        Tls {
            authority: self.clone(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            expired: false,
            self_signed: false,
            only_tls12: false,
            alpn: Vec::new(),
        }
    }
}

impl Tls {
    /// With a certificate that was valid in the year 2000.
    #[must_use]
    pub fn expired(self) -> Self {
        Self { expired: true, ..self }
    }

    /// With a certificate signed by its own key, not the authority's.
    #[must_use]
    pub fn self_signed(self) -> Self {
        Self { self_signed: true, ..self }
    }

    /// Without TLS 1.3.
    #[must_use]
    pub fn only_tls12(self) -> Self {
        Self { only_tls12: true, ..self }
    }

    /// With these protocols to choose from; a client that offers only others is refused.
    #[must_use]
    pub fn alpn(self, protocols: &[&str]) -> Self {
        Self { alpn: protocols.iter().map(|name| name.as_bytes().to_vec()).collect(), ..self }
    }

    /// The first of the names.
    pub(super) fn name(&self) -> &str {
        self.names.first().expect("a certificate has at least one name")
    }

    pub(super) fn issue(&self) -> Issued {
        let mut params = CertificateParams::new(&*self.names).expect("the names can be encoded");
        params.distinguished_name.push(DnType::CommonName, self.name());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Python asks for it since 3.13 (`VERIFY_X509_STRICT`).
        params.use_authority_key_identifier_extension = true;
        if self.expired {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        let key = key();
        let certificate = if self.self_signed {
            params.self_signed(&key)
        } else {
            params.signed_by(&key, &self.authority.issuer)
        };
        Issued { certificate: certificate.expect("a certificate can be made"), key }
    }

    pub(super) fn server_config(&self) -> Arc<ServerConfig> {
        let Issued { certificate, key } = self.issue();
        let versions: &[_] = if self.only_tls12 { &[&TLS12] } else { &[&TLS12, &TLS13] };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("ring knows both versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], PrivateKeyDer::from(key))
            .expect("the key belongs to the certificate");
        config.alpn_protocols.clone_from(&self.alpn);
        Arc::new(config)
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}
