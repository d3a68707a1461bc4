//! Why TLS failed, as the guest's `ssl` tells it: a kind, a tab, a text.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Failure {
    kind: String,
    text: String,
}

impl Failure {
    pub(in super::super) fn protocol(text: String) -> Self {
        Self { kind: "protocol".into(), text }
    }

    pub(in super::super) fn of(error: &Error) -> Self {
        let (kind, text) = match error {
            Error::InvalidCertificate(error) => {
                (format!("verify:{}", verify_code(error)), error.to_string())
            }
            Error::AlertReceived(alert) => {
                (format!("alert:{}", u8::from(*alert)), alert_text(*alert))
            }
            Error::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ) => ("protocol:WRONG_VERSION_NUMBER".into(), "wrong version number".into()),
            other => ("protocol".into(), other.to_string()),
        };
        Self { kind, text }
    }

    /// What a guest says that it was told.
    pub(super) fn from_told(told: &[u8]) -> Self {
        let told = String::from_utf8_lossy(told);
        let (kind, text) = told.split_once('\t').unwrap_or(("protocol", &told));
        Self { kind: kind.into(), text: text.into() }
    }

    pub(in super::super) fn told(&self) -> Vec<u8> {
        format!("{}\t{}", self.kind, self.text).into_bytes()
    }
}

/// OpenSSL's number for what is wrong with a certificate.
fn verify_code(error: &CertificateError) -> u32 {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => 10,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => 9,
        CertificateError::Revoked => 23,
        CertificateError::UnknownIssuer => 20,
        CertificateError::BadSignature => 7,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => 62,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => 26,
        _ => 1,
    }
}

fn alert_text(alert: AlertDescription) -> String {
    format!("the server sent the alert {alert:?}")
}
