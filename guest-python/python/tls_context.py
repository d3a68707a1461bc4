"""Contexts: the settings of TLS connections, which are only kept until a connection is opened."""

import operator
import os
import re
import warnings
from contextlib import suppress
from typing import NoReturn

from _ophidia import _host, tls_trust
from _ophidia import tls_constants as openssl
from _ophidia.certificates import decode, is_authority
from _ophidia.tls_errors import SSLError, error, from_reason
from _ophidia.tls_socket import MemoryBIO, _SSLObject, _SSLSocket

_VERIFY_CHAIN, _VERIFY_NAME = 1, 2  # the flags of `tls_open`

_VERSIONS = {openssl.PROTO_SSLv3: "SSLv3", openssl.PROTO_TLSv1: "TLSv1", openssl.PROTO_TLSv1_1: "TLSv1_1"}
_USABLE = (
    openssl.PROTO_MINIMUM_SUPPORTED,
    openssl.PROTO_MAXIMUM_SUPPORTED,
    openssl.PROTO_TLSv1_2,
    openssl.PROTO_TLSv1_3,
)
_NO_VERSION = (
    openssl.OP_NO_SSLv3
    | openssl.OP_NO_TLSv1
    | openssl.OP_NO_TLSv1_1
    | openssl.OP_NO_TLSv1_2
    | openssl.OP_NO_TLSv1_3
)
_CIPHER = re.compile(r"[A-Z0-9][A-Z0-9@+=_-]*", re.ASCII)
_CURVES = ("prime256v1", "secp384r1", "secp521r1", "X25519", "X448")
_STATISTICS = (
    "number connect connect_good connect_renegotiate accept accept_good accept_renegotiate "
    "hits misses timeouts cache_full"
).split()


def _deprecate(text: str, frames: int = 4) -> None:
    warnings.warn(text, DeprecationWarning, stacklevel=frames)


def _without_server(*args: object, **kwargs: object) -> NoReturn:
    raise SSLError(
        "only clients without a certificate of their own can be made: the host does TLS and holds no keys"
    )


class _SSLContext:
    """The settings of connections; their defaults are CPython's."""

    __module__ = "_ssl"

    def __new__(cls, protocol: int, /) -> "_SSLContext":
        if protocol not in (
            openssl.PROTOCOL_TLS,
            openssl.PROTOCOL_TLSv1_2,
            openssl.PROTOCOL_TLS_CLIENT,
            openssl.PROTOCOL_TLS_SERVER,
        ):
            raise ValueError(f"invalid or unsupported protocol version {operator.index(protocol)}")
        if protocol in (openssl.PROTOCOL_TLS, openssl.PROTOCOL_TLSv1_2):
            name = "PROTOCOL_TLS" if protocol == openssl.PROTOCOL_TLS else "PROTOCOL_TLSv1_2"
            _deprecate(f"ssl.{name} is deprecated")
        self = super().__new__(cls)
        self._protocol = int(protocol)
        self._check_hostname = protocol == openssl.PROTOCOL_TLS_CLIENT
        self._verify_mode = openssl.CERT_REQUIRED if self._check_hostname else openssl.CERT_NONE
        self._verify_flags = openssl.VERIFY_X509_TRUSTED_FIRST
        self._options = (
            openssl.OP_ALL
            | openssl.OP_NO_SSLv3
            | openssl.OP_NO_COMPRESSION
            | openssl.OP_CIPHER_SERVER_PREFERENCE
            | openssl.OP_ENABLE_MIDDLEBOX_COMPAT
        )
        self._minimum = (
            openssl.PROTO_MINIMUM_SUPPORTED if protocol == openssl.PROTOCOL_TLSv1_2 else openssl.PROTO_TLSv1_2
        )
        self._maximum = openssl.PROTO_MAXIMUM_SUPPORTED
        self._host_flags = openssl.HOSTFLAG_NO_PARTIAL_WILDCARDS
        self._sni_callback = self._message_callback = None
        self._post_handshake_auth, self._num_tickets = False, 2
        self._alpn = b""
        self._roots: dict[bytes, None] = {}
        self._folder_roots: dict[bytes, None] = {}  # not shown: OpenSSL reads a folder only where it needs it
        return self

    # --- what is checked -----------------------------------------------------------------------

    @property
    def protocol(self) -> int:
        """The protocol that the context was made for."""
        return self._protocol

    @property
    def check_hostname(self) -> bool:
        """Whether the certificate has to name the host; CERT_NONE becomes CERT_REQUIRED with it."""
        return self._check_hostname

    @check_hostname.setter
    def check_hostname(self, value: object) -> None:
        self._check_hostname = bool(value)
        if self._check_hostname and self._verify_mode == openssl.CERT_NONE:
            self._verify_mode = openssl.CERT_REQUIRED

    @property
    def verify_mode(self) -> int:
        """CERT_NONE, CERT_OPTIONAL or CERT_REQUIRED; the latter two are the same for a client."""
        return self._verify_mode

    @verify_mode.setter
    def verify_mode(self, value: int) -> None:
        value = operator.index(value)
        if value == openssl.CERT_NONE and self._check_hostname:
            raise ValueError("Cannot set verify_mode to CERT_NONE when check_hostname is enabled.")
        if not openssl.CERT_NONE <= value <= openssl.CERT_REQUIRED:
            raise ValueError("invalid value for verify_mode")
        self._verify_mode = value

    @property
    def verify_flags(self) -> int:
        """Kept and not used: the host verifies by rustls's rules."""
        return self._verify_flags

    @verify_flags.setter
    def verify_flags(self, value: int) -> None:
        self._verify_flags = operator.index(value)

    @property
    def options(self) -> int:
        """Used of them: OP_NO_TLSv1_2, OP_NO_TLSv1_3, OP_IGNORE_UNEXPECTED_EOF."""
        return self._options

    @options.setter
    def options(self, value: int) -> None:
        if not isinstance(value, int):
            raise TypeError(f"argument must be int, not {type(value).__name__}")
        if value < 0:
            raise OverflowError("can't convert negative int to unsigned")
        if value >= 1 << 64:
            raise OverflowError("int too big to convert")
        if ~self._options & value & _NO_VERSION:
            _deprecate("ssl.OP_NO_SSL*/ssl.OP_NO_TLS* options are deprecated")
        self._options = int(value)

    @property
    def minimum_version(self) -> int:
        """The lowest version; the host has TLS 1.2 and 1.3, whatever lower one is allowed."""
        return self._minimum

    @minimum_version.setter
    def minimum_version(self, value: int) -> None:
        value = self._version(value)
        self._minimum = openssl.PROTO_TLSv1_3 if value == openssl.PROTO_MAXIMUM_SUPPORTED else value

    @property
    def maximum_version(self) -> int:
        """The highest version."""
        return self._maximum

    @maximum_version.setter
    def maximum_version(self, value: int) -> None:
        value = self._version(value)
        self._maximum = openssl.PROTO_TLSv1_2 if value == openssl.PROTO_MINIMUM_SUPPORTED else value

    def _version(self, value: int) -> int:
        value = operator.index(value)
        if self._protocol == openssl.PROTOCOL_TLSv1_2:
            raise ValueError(
                "The context's protocol doesn't support modification of highest and lowest version."
            )
        if value in _VERSIONS:
            _deprecate(f"ssl.TLSVersion.{_VERSIONS[value]} is deprecated", 5)
        elif value not in _USABLE:
            raise ValueError(f"Unsupported TLS/SSL version 0x{value & 0xFFFFFFFFFFFFFFFF:x}")
        return value

    def _range(self) -> tuple[int, int]:
        """The versions to offer, 0 for the host's own choice."""
        if self._protocol == openssl.PROTOCOL_TLSv1_2:
            return openssl.PROTO_TLSv1_2, openssl.PROTO_TLSv1_2
        low = openssl.PROTO_TLSv1_2 if self._minimum in _VERSIONS else max(self._minimum, 0)
        high = max(self._maximum, 0)
        if self._options & openssl.OP_NO_TLSv1_2:
            low = openssl.PROTO_TLSv1_3
        if self._options & openssl.OP_NO_TLSv1_3:
            high = openssl.PROTO_TLSv1_2
        if high and max(low, openssl.PROTO_TLSv1_2) > high:
            raise from_reason("NO_PROTOCOLS_AVAILABLE")
        return low, high

    # --- what is trusted -----------------------------------------------------------------------

    def load_verify_locations(self, cafile=None, capath=None, cadata=None) -> None:
        """Trust the certificates of a PEM file, of a folder with OpenSSL's hashed names, or of PEM or DER."""
        if cafile is None and capath is None and cadata is None:
            raise TypeError("cafile, capath and cadata cannot be all omitted")
        for name, path in (("cafile", cafile), ("capath", capath)):
            if path is not None and not isinstance(path, str | bytes | os.PathLike):
                raise TypeError(f"{name} should be a valid filesystem path")
        if cadata is not None:
            self._roots |= dict.fromkeys(tls_trust.parse(cadata))
        if cafile is not None:
            self._roots |= dict.fromkeys(tls_trust.read_file(cafile))
        if capath is not None:
            self._folder_roots |= dict.fromkeys(tls_trust.read_folder(capath))

    def set_default_verify_paths(self) -> None:
        """Trust what SSL_CERT_FILE and SSL_CERT_DIR name; the host's roots are trusted in any case."""
        if file := os.environ.get("SSL_CERT_FILE"):
            with suppress(OSError, SSLError):
                self._roots |= dict.fromkeys(tls_trust.read_file(file))
        if folder := os.environ.get("SSL_CERT_DIR"):
            self._folder_roots |= dict.fromkeys(tls_trust.read_folder(folder))

    def cert_store_stats(self) -> dict[str, int]:
        """How many certificates were loaded; the host's own are not counted."""
        return {"x509": len(self._roots), "crl": 0, "x509_ca": len(self.get_ca_certs(True))}

    def get_ca_certs(self, binary_form: bool = False) -> list:
        """The authorities that were loaded, as dicts or DER; the host's own are not among them."""
        found = filter(is_authority, self._roots)
        return list(found if binary_form else map(decode, found))

    # --- what is offered -----------------------------------------------------------------------

    def _set_alpn_protocols(self, protos, /) -> None:
        self._alpn = bytes(protos)

    def set_ciphers(self, cipherlist: str, /) -> None:
        """Accept what looks like a list of OpenSSL's, and change nothing: all of rustls's suites are sound."""
        if not isinstance(cipherlist, str):
            raise TypeError(f"set_ciphers() argument must be str, not {type(cipherlist).__name__}")
        if not any(map(_CIPHER.fullmatch, re.split("[:, ;]", cipherlist))):
            raise SSLError("No cipher can be selected.")

    def get_ciphers(self) -> list[dict[str, object]]:
        """The suites that the host has."""
        return [dict(cipher) for cipher in openssl._CIPHERS]

    def set_ecdh_curve(self, name: str | bytes, /) -> None:
        """Accept a curve's name, and change nothing."""
        if os.fsdecode(name) not in _CURVES:
            raise ValueError(f"unknown elliptic curve name {name!r}")

    @property
    def security_level(self) -> int:
        """OpenSSL's level that comes nearest to rustls."""
        return 2

    @property
    def post_handshake_auth(self) -> bool:
        """Kept and not used, as there are no certificates of clients."""
        return self._post_handshake_auth

    @post_handshake_auth.setter
    def post_handshake_auth(self, value: object) -> None:
        self._post_handshake_auth = bool(value)

    @property
    def keylog_filename(self) -> None:
        """None, also when it is set: the host keeps the keys of its connections."""

    @keylog_filename.setter
    def keylog_filename(self, value: object) -> None:
        pass

    @property
    def sni_callback(self) -> object:
        """A server's callback; kept and not called."""
        return self._sni_callback

    @sni_callback.setter
    def sni_callback(self, value: object) -> None:
        if self._protocol == openssl.PROTOCOL_TLS_CLIENT:
            raise ValueError("sni_callback cannot be set on TLS_CLIENT context")
        if value is not None and not callable(value):
            raise TypeError("not a callable object")
        self._sni_callback = value

    @property
    def _msg_callback(self) -> object:
        """A callback for each message; kept and not called."""
        return self._message_callback

    @_msg_callback.setter
    def _msg_callback(self, value: object) -> None:
        self._message_callback = value

    @property
    def num_tickets(self) -> int:
        """How many tickets a server would give."""
        return self._num_tickets

    @num_tickets.setter
    def num_tickets(self, value: int) -> None:
        if value < 0:
            raise ValueError("value must be non-negative")
        if self._protocol != openssl.PROTOCOL_TLS_SERVER:
            raise ValueError("SSLContext is not a server context.")
        self._num_tickets = value

    def session_stats(self) -> dict[str, int]:
        """Zeros: the host keeps the sessions."""
        return dict.fromkeys(_STATISTICS, 0)

    load_cert_chain = load_dh_params = _without_server

    def set_psk_client_callback(self, callback: object) -> NoReturn:
        """Not there, as HAS_PSK says."""
        raise NotImplementedError("TLS-PSK is not supported by your OpenSSL version.")

    set_psk_server_callback = set_psk_client_callback

    # --- connections ---------------------------------------------------------------------------

    def _wrap_socket(
        self,
        sock: object,
        server_side: bool,
        server_hostname: str | None = None,
        *,
        owner: object = None,
        session: object = None,
    ) -> _SSLSocket:
        tls = self._open(server_side, server_hostname, session)
        return _SSLSocket(tls, self, server_hostname, owner, sock)

    def _wrap_bio(
        self,
        incoming: MemoryBIO,
        outgoing: MemoryBIO,
        server_side: bool,
        server_hostname: str | None = None,
        *,
        owner: object = None,
        session: object = None,
    ) -> _SSLObject:
        for number, bio in enumerate((incoming, outgoing), 1):
            if not isinstance(bio, MemoryBIO):
                what = f"_wrap_bio() argument {number} must be _ssl.MemoryBIO, not {type(bio).__name__}"
                raise TypeError(what)
        tls = self._open(server_side, server_hostname, session)
        return _SSLObject(tls, self, server_hostname, owner, (incoming, outgoing))

    def _open(self, server_side: bool, hostname: str | None, session: object) -> int:
        if hostname is not None:
            hostname.encode("ascii")
            if "\0" in hostname:
                raise TypeError("argument must be encoded string without null bytes, not str")
        if server_side:
            if self._protocol == openssl.PROTOCOL_TLS_CLIENT:
                raise error("Cannot create a server socket with a PROTOCOL_TLS_CLIENT context")
            _without_server()
        if self._protocol == openssl.PROTOCOL_TLS_SERVER:
            raise error("Cannot create a client socket with a PROTOCOL_TLS_SERVER context")
        if hostname is not None and (not hostname or hostname.startswith(".")):
            raise ValueError("server_hostname cannot be an empty string or start with a leading dot.")
        if session is not None:
            raise TypeError("Value is not a SSLSession.")
        flags = 0 if self._verify_mode == openssl.CERT_NONE else _VERIFY_CHAIN
        if self._check_hostname and hostname is not None:
            flags |= _VERIFY_NAME
        trust = tls_trust.number(tuple(self._roots | self._folder_roots))
        return _host.tls_open(hostname or "", flags, *self._range(), self._alpn, trust)
