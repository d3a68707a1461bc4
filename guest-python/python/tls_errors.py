"""The exceptions of `ssl`, and what the host says of a failed connection told in OpenSSL's words."""

import errno
import os

from _ophidia.tls_constants import (
    SSL_ERROR_EOF,
    SSL_ERROR_SSL,
    SSL_ERROR_WANT_READ,
    SSL_ERROR_WANT_WRITE,
    SSL_ERROR_ZERO_RETURN,
)


class SSLError(OSError):
    """An error occurred in the SSL implementation."""

    def __str__(self) -> str:
        return self.strerror if isinstance(self.strerror, str) else str(self.args)


class SSLZeroReturnError(SSLError):
    """SSL/TLS session closed cleanly."""


class SSLWantReadError(SSLError):
    """Non-blocking SSL socket needs to read more data before the requested operation can be completed."""


class SSLWantWriteError(SSLError):
    """Non-blocking SSL socket needs to write more data before the requested operation can be completed."""


class SSLSyscallError(SSLError):
    """System error when attempting SSL operation."""


class SSLEOFError(SSLError):
    """SSL/TLS connection terminated abruptly."""


class SSLCertVerificationError(SSLError, ValueError):
    """A certificate could not be verified."""


for _kind in (SSLError, *SSLError.__subclasses__()):
    _kind.__module__ = "ssl"

_CLOSED = "TLS/SSL connection has been closed (EOF)"
_UNKNOWN = "A failure in the SSL library occurred"
_ABRUPT = "EOF occurred in violation of protocol"
# What a call's code raises: class, number, text, reason.
_CODES = {
    -1: (SSLWantReadError, SSL_ERROR_WANT_READ, "The operation did not complete (read)", None),
    -2: (SSLWantWriteError, SSL_ERROR_WANT_WRITE, "The operation did not complete (write)", None),
    -3: (SSLZeroReturnError, SSL_ERROR_ZERO_RETURN, _CLOSED, None),
    -4: (SSLEOFError, SSL_ERROR_EOF, _ABRUPT, "UNEXPECTED_EOF_WHILE_READING"),
}
_VERIFICATION = {
    1: "unspecified certificate verification error",
    2: "unable to get issuer certificate",
    3: "unable to get certificate CRL",
    7: "certificate signature failure",
    9: "certificate is not yet valid",
    10: "certificate has expired",
    12: "CRL has expired",
    18: "self-signed certificate",
    19: "self-signed certificate in certificate chain",
    20: "unable to get local issuer certificate",
    21: "unable to verify the first certificate",
    22: "certificate chain too long",
    23: "certificate revoked",
    24: "invalid CA certificate",
    25: "path length constraint exceeded",
    26: "unsuitable certificate purpose",
    27: "certificate not trusted",
    28: "certificate rejected",
    34: "unhandled critical extension",
    47: "permitted subtree violation",
    48: "excluded subtree violation",
}
_ALERTS = {
    10: "SSLV3_ALERT_UNEXPECTED_MESSAGE",
    20: "SSLV3_ALERT_BAD_RECORD_MAC",
    21: "TLSV1_ALERT_DECRYPTION_FAILED",
    22: "TLSV1_ALERT_RECORD_OVERFLOW",
    30: "SSLV3_ALERT_DECOMPRESSION_FAILURE",
    40: "SSLV3_ALERT_HANDSHAKE_FAILURE",
    41: "SSLV3_ALERT_NO_CERTIFICATE",
    42: "SSLV3_ALERT_BAD_CERTIFICATE",
    43: "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    44: "SSLV3_ALERT_CERTIFICATE_REVOKED",
    45: "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    46: "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    47: "SSLV3_ALERT_ILLEGAL_PARAMETER",
    48: "TLSV1_ALERT_UNKNOWN_CA",
    49: "TLSV1_ALERT_ACCESS_DENIED",
    50: "TLSV1_ALERT_DECODE_ERROR",
    51: "TLSV1_ALERT_DECRYPT_ERROR",
    60: "TLSV1_ALERT_EXPORT_RESTRICTION",
    70: "TLSV1_ALERT_PROTOCOL_VERSION",
    71: "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    80: "TLSV1_ALERT_INTERNAL_ERROR",
    86: "TLSV1_ALERT_INAPPROPRIATE_FALLBACK",
    90: "TLSV1_ALERT_USER_CANCELLED",
    100: "TLSV1_ALERT_NO_RENEGOTIATION",
    109: "TLSV13_ALERT_MISSING_EXTENSION",
    110: "TLSV1_UNSUPPORTED_EXTENSION",
    112: "TLSV1_UNRECOGNIZED_NAME",
    113: "TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE",
    116: "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    120: "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
}


def error(
    text: str, number: int = 0, kind: type = SSLError, library: str | None = None, reason: str | None = None
) -> SSLError:
    """An exception with the attributes and the text that CPython gives one; the line it names is made up."""
    if reason is not None:
        text = f"[{library}: {reason}] {text}"
    elif library is not None:
        text = f"[{library}] {text}"
    made = kind(number, f"{text} (_ssl.c:1000)")
    made.library, made.reason = library, reason
    return made


def from_reason(reason: str) -> SSLError:
    """The exception for one of OpenSSL's reasons, such as `NO_PROTOCOLS_AVAILABLE`."""
    return error(reason.replace("_", " ").lower(), SSL_ERROR_SSL, library="SSL", reason=reason)


def from_code(code: int) -> SSLError:
    """The exception for a code from -1 to -4."""
    kind, number, text, reason = _CODES[code]
    return error(text, number, kind, reason and "SSL", reason)


def from_host(about: bytes, hostname: str | None) -> OSError:
    """The exception for code -5, from the host's `KIND[:DETAIL]\\tTEXT`."""
    kind, _, text = about.decode("utf-8", "replace").partition("\t")
    kind, _, detail = kind.partition(":")
    number = int(detail) if detail.isdecimal() else 0
    if kind == "verify":
        return _unverified(number or 1, hostname, text)
    if kind == "denied":
        return PermissionError(errno.EACCES, text)
    if kind == "io":
        return OSError(number, os.strerror(number)) if number else OSError(errno.EIO, text)
    reason = _ALERTS.get(number) if kind == "alert" else detail or None
    return from_reason(reason) if reason else error(text or _UNKNOWN, SSL_ERROR_SSL, library="SSL")


def _unverified(number: int, hostname: str | None, text: str) -> SSLError:
    message = _VERIFICATION.get(number) or text or f"certificate verify error {number}"
    if number in (62, 64):
        is_address = hostname is not None and (":" in hostname or hostname.replace(".", "").isdecimal())
        what, number = ("IP address", 64) if is_address else ("Hostname", 62)
        message = f"{what} mismatch, certificate is not valid for '{hostname}'."
    text, reason = f"certificate verify failed: {message}", "CERTIFICATE_VERIFY_FAILED"
    made = error(text, SSL_ERROR_SSL, SSLCertVerificationError, "SSL", reason)
    made.verify_code, made.verify_message = number, message
    return made
