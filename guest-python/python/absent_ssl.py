# ruff: noqa: F821 -- members of the enumerations are names of the module, as in the library's ssl
"""TLS without a network: contexts can be made and set up, and nothing connects. It stands where `ssl` would."""

import enum
import os
from collections import namedtuple
from typing import NoReturn

__name__ = "ssl"  # what its classes say of themselves


def _refuse(*args: object, **kwargs: object) -> NoReturn:
    raise SSLError("TLS: no network is granted to this interpreter")


class SSLError(OSError):
    """An error of TLS."""

    library = reason = None


class SSLZeroReturnError(SSLError):
    pass


class SSLWantReadError(SSLError):
    pass


class SSLWantWriteError(SSLError):
    pass


class SSLSyscallError(SSLError):
    pass


class SSLEOFError(SSLError):
    pass


class SSLCertVerificationError(SSLError, ValueError):
    pass


CertificateError = SSLCertVerificationError
socket_error = OSError


class VerifyMode(enum.IntEnum):
    CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED = 0, 1, 2


class _SSLMethod(enum.IntEnum):
    PROTOCOL_SSLv23 = PROTOCOL_TLS = 2
    PROTOCOL_TLSv1, PROTOCOL_TLSv1_1, PROTOCOL_TLSv1_2 = 3, 4, 5
    PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER = 16, 17


class TLSVersion(enum.IntEnum):
    MINIMUM_SUPPORTED, SSLv3, TLSv1, TLSv1_1, TLSv1_2, TLSv1_3, MAXIMUM_SUPPORTED = (
        -2,
        768,
        769,
        770,
        771,
        772,
        -1,
    )


class VerifyFlags(enum.IntFlag):
    VERIFY_DEFAULT, VERIFY_CRL_CHECK_LEAF, VERIFY_CRL_CHECK_CHAIN, VERIFY_X509_STRICT = 0, 4, 12, 32
    VERIFY_ALLOW_PROXY_CERTS, VERIFY_X509_TRUSTED_FIRST, VERIFY_X509_PARTIAL_CHAIN = 64, 32768, 524288


class Options(enum.IntFlag):
    OP_ALL, OP_NO_SSLv2, OP_NO_SSLv3, OP_NO_TLSv1, OP_NO_TLSv1_1 = 0x80000050, 0, 1 << 25, 1 << 26, 1 << 28
    OP_NO_TLSv1_2, OP_NO_TLSv1_3, OP_NO_COMPRESSION, OP_NO_TICKET = 1 << 27, 1 << 29, 1 << 17, 1 << 14
    OP_SINGLE_DH_USE, OP_SINGLE_ECDH_USE, OP_CIPHER_SERVER_PREFERENCE = 0, 0, 1 << 22
    OP_NO_RENEGOTIATION, OP_IGNORE_UNEXPECTED_EOF, OP_ENABLE_MIDDLEBOX_COMPAT = 1 << 30, 1 << 7, 1 << 20


for _kind in (VerifyMode, _SSLMethod, VerifyFlags, Options):
    globals().update(_kind.__members__)


class Purpose(namedtuple("_ASN1Object", "nid shortname longname oid"), enum.Enum):
    SERVER_AUTH = 129, "serverAuth", "TLS Web Server Authentication", "1.3.6.1.5.5.7.3.1"
    CLIENT_AUTH = 130, "clientAuth", "TLS Web Client Authentication", "1.3.6.1.5.5.7.3.2"


class SSLContext:
    """What a connection would be set up by."""

    sslsocket_class = sslobject_class = None

    def __init__(self, protocol=PROTOCOL_TLS):
        client = protocol == PROTOCOL_TLS_CLIENT
        self.protocol = protocol
        self.check_hostname, self.verify_mode = client, CERT_REQUIRED if client else CERT_NONE
        self.minimum_version, self.maximum_version = TLSVersion.TLSv1_2, TLSVersion.MAXIMUM_SUPPORTED
        self.options, self.verify_flags = OP_ALL | OP_NO_SSLv3, VERIFY_X509_TRUSTED_FIRST
        self.hostname_checks_common_name, self.post_handshake_auth, self.keylog_filename = False, False, None

    def _nothing(self, *args, **kwargs):
        pass

    set_alpn_protocols = set_npn_protocols = set_ciphers = load_default_certs = set_default_verify_paths = (
        _nothing
    )
    load_verify_locations = load_cert_chain = load_dh_params = set_ecdh_curve = _nothing

    def get_ca_certs(self, binary_form=False):
        return []

    def get_ciphers(self):
        return []

    def cert_store_stats(self):
        return {"x509": 0, "crl": 0, "x509_ca": 0}

    def session_stats(self):
        return {}

    wrap_socket = wrap_bio = _refuse


class SSLSocket:
    """A connection, of which there is none."""

    __init__ = _refuse


class SSLObject:
    """A connection in memory, of which there is none."""

    __init__ = _refuse


class SSLSession:
    """A session of connections, of which there is none."""

    __init__ = _refuse


class MemoryBIO:
    """Bytes of a connection, of which there is none."""

    __init__ = _refuse


def create_default_context(purpose=Purpose.SERVER_AUTH, *, cafile=None, capath=None, cadata=None):
    """A context with the usual settings."""
    return SSLContext(PROTOCOL_TLS_CLIENT if purpose == Purpose.SERVER_AUTH else PROTOCOL_TLS_SERVER)


_create_default_https_context = create_default_context


def _create_unverified_context(*args, **kwargs):
    context = SSLContext(PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, CERT_NONE
    return context


_create_stdlib_context = _create_unverified_context
get_server_certificate = cert_time_to_seconds = DER_cert_to_PEM_cert = PEM_cert_to_DER_cert = _refuse
DefaultVerifyPaths = namedtuple(
    "DefaultVerifyPaths", "cafile capath openssl_cafile_env openssl_cafile openssl_capath_env openssl_capath"
)


def get_default_verify_paths():
    """Where certificates would be."""
    return DefaultVerifyPaths(None, None, "SSL_CERT_FILE", "", "SSL_CERT_DIR", "")


RAND_bytes = os.urandom


def RAND_status():
    return True


def RAND_add(data, entropy, /):
    pass


OPENSSL_VERSION, OPENSSL_VERSION_INFO, OPENSSL_VERSION_NUMBER = "none", (3, 0, 0, 0, 0), 0x30000000
HAS_SNI = HAS_ALPN = HAS_TLSv1_2 = HAS_TLSv1_3 = HAS_NEVER_CHECK_COMMON_NAME = HAS_ECDH = True
HAS_NPN = HAS_SSLv2 = HAS_SSLv3 = HAS_TLSv1 = HAS_TLSv1_1 = HAS_PSK = False
SO_TYPE, CHANNEL_BINDING_TYPES = 3, ["tls-unique"]
del _kind
