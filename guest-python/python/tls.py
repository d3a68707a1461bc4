"""CPython's private module `_ssl`, below the library's own `ssl`: the host does TLS (with rustls), as a client.

It is installed as `sys.modules["_ssl"]`. The files beside it hold what it is made of.
"""

import os

from _ophidia.certificates import Certificate, decode, nid2obj, txt2obj
from _ophidia.tls_constants import *  # noqa: F403
from _ophidia.tls_constants import _DEFAULT_CIPHERS, _OPENSSL_API_VERSION
from _ophidia.tls_context import _SSLContext
from _ophidia.tls_errors import (
    SSLCertVerificationError,
    SSLEOFError,
    SSLError,
    SSLSyscallError,
    SSLWantReadError,
    SSLWantWriteError,
    SSLZeroReturnError,
)
from _ophidia.tls_socket import MemoryBIO, SSLSession, _SSLSocket
from _ophidia.tls_trust import read_file

# What has no use here, only in `ssl`.
_exported = (
    *(Certificate, MemoryBIO, SSLSession, _SSLContext, _SSLSocket, nid2obj, txt2obj),
    *(SSLError, SSLZeroReturnError, SSLWantReadError, SSLWantWriteError, SSLSyscallError, SSLEOFError),
    *(SSLCertVerificationError, _DEFAULT_CIPHERS, _OPENSSL_API_VERSION),
)


def RAND_bytes(n: int, /) -> bytes:
    """Generate n cryptographically strong pseudo-random bytes."""
    if n < 0:
        raise ValueError("num must be positive")
    return os.urandom(n)


def RAND_add(string, entropy: float, /) -> None:
    """Nothing: the host's generator needs no seed."""


def RAND_status() -> bool:
    """True: the host's generator is always seeded."""
    return True


def get_default_verify_paths() -> tuple[str, str, str, str]:
    """Where `set_default_verify_paths` looks for certificates beside the host's."""
    return "SSL_CERT_FILE", "/usr/local/ssl/cert.pem", "SSL_CERT_DIR", "/usr/local/ssl/certs"


def _test_decode_cert(path: str, /) -> dict[str, object]:
    return decode(read_file(path)[0])
