"""A TLS connection of the host: over a socket (`_SSLSocket`), or between two buffers (`_SSLObject`).

The host's calls give a count, or a code: -1 wants to read, -2 wants to write, -3 the peer has closed, -4 the
stream broke off, -5 failed. What waits and what raises for a code is here.
"""

import math
import os
import select
import socket
import time
import weakref
from collections.abc import Callable

from _ophidia import _host
from _ophidia.certificates import Certificate, decode
from _ophidia.tls_constants import CERT_NONE, OP_IGNORE_UNEXPECTED_EOF
from _ophidia.tls_errors import error, from_code, from_host, from_reason

_MOST = 1 << 16  # bytes read or taken at once; a record holds at most a quarter of it
_HANDSHAKE = "_ssl.c:1000: The handshake operation timed out"
_READ = "The read operation timed out"
_WRITE = "The write operation timed out"
_VERSION, _CIPHER, _ALPN, _CHAIN, _ERROR = range(5)  # what `tls_about` is asked for


class MemoryBIO:
    """A buffer of bytes between a TLS connection and its program."""

    __module__ = "_ssl"
    __slots__ = ("__weakref__", "_data", "_ended")

    def __init__(self) -> None:
        self._data = bytearray()
        self._ended = False

    @property
    def pending(self) -> int:
        """The number of bytes pending in the memory BIO."""
        return len(self._data)

    @property
    def eof(self) -> bool:
        """Whether the memory BIO is at EOF."""
        return self._ended and not self._data

    def read(self, size: int = -1, /) -> bytes:
        """Read up to size bytes from the memory BIO, everything if size is negative."""
        data = self._data
        if size < 0 or size >= len(data):
            taken = bytes(data)
            data.clear()
        else:
            taken = bytes(memoryview(data)[:size])
            del data[:size]
        return taken

    def write(self, b, /) -> int:
        """Write the bytes b into the memory BIO; returns their number."""
        with memoryview(b) as view:
            if self._ended:
                raise error("cannot write() after write_eof()")
            self._data += view
            return view.nbytes

    def write_eof(self) -> None:
        """Write an EOF marker: when all data has been read, `eof` is True."""
        self._ended = True


class SSLSession:
    """A session to resume; the host keeps its own, so a program never gets one."""

    __module__ = "_ssl"

    def __new__(cls, *args: object, **kwargs: object) -> "SSLSession":
        raise TypeError("cannot create '_ssl.SSLSession' instances")


class _SSLSocket:
    """A client's connection over a socket."""

    __module__ = "_ssl"
    _tls = -1
    _ready = False  # the handshake is done
    _closing = False  # our close_notify is sent
    _chain: tuple[bytes, ...] | None = None

    def __init__(self, tls: int, context: object, hostname: str | None, owner: object, sock: object) -> None:
        self._tls = tls
        self._context = context
        self._is_verified = context.verify_mode != CERT_NONE
        self.server_hostname = hostname
        self._owner = None if owner is None else weakref.ref(owner)
        self._socket = None if sock is None else weakref.ref(sock)
        self._attached = sock is None

    def __del__(self, close: Callable = os.close, unusable: type = OSError) -> None:
        if self._tls >= 0:
            try:
                close(self._tls)
            except unusable:
                pass

    def _run(self, late: str, call: Callable, *arguments: object) -> int:
        """Call the host until it has an answer: a count, -3 or -4; `late` tells of a socket's timeout."""
        code = call(self._tls, *arguments)
        if code == -1 or code == -2:
            sock = self._the_socket()
            timeout = sock.gettimeout()
            if timeout == 0:
                raise from_code(code)
            until = math.inf if timeout is None else time.monotonic() + timeout
            while code == -1 or code == -2:
                _wait(sock.fileno(), select.POLLIN if code == -1 else select.POLLOUT, until, late)
                code = call(self._tls, *arguments)
        if code == -5:
            raise self._failure()
        return code

    def _the_socket(self) -> socket.socket:
        sock = self._socket()
        if sock is None or sock.fileno() < 0:
            raise error("Underlying socket connection gone")
        return sock

    def _failure(self) -> OSError:
        return from_host(_host.tls_about(self._tls, _ERROR), self.server_hostname)

    # --- input and output ----------------------------------------------------------------------

    def do_handshake(self) -> None:
        """Negotiate the connection."""
        if not self._attached:
            _host.tls_attach(self._tls, self._the_socket().fileno())
            self._attached = True
        if (code := self._run(_HANDSHAKE, _host.tls_handshake)) < 0:
            raise from_code(code)
        self._ready = True

    def read(self, size: int, buffer=None, /) -> bytes | int:
        """Read up to size bytes, into the buffer if there is one; nothing at the peer's clean end."""
        if buffer is None:
            if size <= 0:
                if size < 0:
                    raise ValueError("size should not be negative")
                return b""
            if not self._ready:
                self.do_handshake()
            target = bytearray(min(size, _MOST))
            count = self._run(_READ, _host.tls_read, target)
            return bytes(memoryview(target)[:count]) if count > 0 else self._end(count) or b""
        if not self._ready:
            self.do_handshake()
        with memoryview(buffer) as view:
            if 0 < size < view.nbytes:
                with view.cast("B") as octets, octets[:size] as target:
                    count = self._run(_READ, _host.tls_read, target)
            else:
                count = self._run(_READ, _host.tls_read, buffer) if view.nbytes else 0
        return count if count > 0 else self._end(count)

    def _end(self, code: int) -> int:
        """Nothing more comes: 0 where the peer has closed and we have not (OpenSSL's rule), else an error."""
        if code == -4 and self._context.options & OP_IGNORE_UNEXPECTED_EOF:
            code = -3
        if code == -4 or (code == -3 and self._closing):
            raise from_code(code)
        return 0

    def write(self, b, /) -> int:
        """Write the bytes; returns their number, less than all only where the socket does not block."""
        if not self._ready:
            self.do_handshake()
        if self._closing:
            raise from_reason("PROTOCOL_IS_SHUTDOWN")
        done = self._run(_WRITE, _host.tls_write, b)
        with memoryview(b) as view:
            if done == view.nbytes:
                return done
            with view.cast("B") as octets:
                while 0 <= done < octets.nbytes and not self._is_nonblocking():
                    with octets[done:] as rest:
                        more = self._run(_WRITE, _host.tls_write, rest)
                    done = done + more if more >= 0 else more
        if done < 0:
            raise from_code(done)
        return done

    def _is_nonblocking(self) -> bool:
        return self._the_socket().gettimeout() == 0

    def pending(self) -> int:
        """Returns the number of already decrypted bytes available for read."""
        return _host.tls_pending(self._tls)

    def shutdown(self) -> socket.socket | None:
        """Does the SSL shutdown handshake with the remote end."""
        if not self._ready:
            raise from_reason("SHUTDOWN_WHILE_IN_INIT")
        self._closing = True
        if self._run(_READ, _host.tls_shutdown) == -4 and not self._context.options & OP_IGNORE_UNEXPECTED_EOF:
            raise from_code(-4)
        return None if self._socket is None else self._the_socket()

    # --- what is known of the connection -------------------------------------------------------

    @property
    def context(self) -> object:
        """The context; another one can be set, and changes nothing for a client."""
        return self._context

    @context.setter
    def context(self, context: object) -> None:
        if not hasattr(context, "_wrap_bio"):
            raise TypeError("The value must be a SSLContext")
        self._context = context

    @property
    def owner(self) -> object:
        """The Python-level owner of this object."""
        return self._owner and self._owner()

    @owner.setter
    def owner(self, owner: object) -> None:
        self._owner = weakref.ref(owner)

    @property
    def server_side(self) -> bool:
        """Whether this is a server-side socket."""
        return False

    @property
    def session(self) -> None:
        """None: the host keeps its sessions."""

    @session.setter
    def session(self, session: object) -> None:
        raise TypeError("Value is not a SSLSession.")

    @property
    def session_reused(self) -> bool:
        """Was the client session reused during handshake? The host does not tell."""
        return False

    def _about(self, what: int) -> str | None:
        return (_host.tls_about(self._tls, what).decode() or None) if self._ready else None

    def version(self) -> str | None:
        """The version of the protocol, such as `TLSv1.3`."""
        return self._about(_VERSION)

    def cipher(self) -> tuple[str, str, int] | None:
        """The suite's name, the protocol that has it, and the bits of its key."""
        name = self._about(_CIPHER)
        if name is None:
            return None
        protocol = "TLSv1.3" if name.startswith("TLS_") else "TLSv1.2"
        return name, protocol, 128 if "AES_128" in name or "AES128" in name else 256

    def selected_alpn_protocol(self) -> str | None:
        """The protocol that ALPN chose."""
        return self._about(_ALPN)

    def shared_ciphers(self) -> None:
        """None, as for every client."""

    def compression(self) -> None:
        """None: rustls never compresses."""

    def _certificates(self) -> tuple[bytes, ...]:
        if self._chain is None:
            data, chain, at = _host.tls_about(self._tls, _CHAIN), [], 0
            while at < len(data):
                length = int.from_bytes(data[at : at + 4], "little")
                chain.append(data[at + 4 : at + 4 + length])
                at += 4 + length
            self._chain = tuple(chain)
        return self._chain

    def getpeercert(self, der: bool = False, /) -> dict[str, object] | bytes | None:
        """The peer's certificate: as DER, or as a dict that is empty if it was not verified."""
        if not self._ready:
            raise ValueError("handshake not done yet")
        chain = self._certificates()
        if not chain:
            return None
        if der:
            return chain[0]
        return decode(chain[0]) if self._is_verified else {}

    def get_unverified_chain(self) -> list[Certificate] | None:
        """The chain as the peer sent it."""
        return list(map(Certificate, self._certificates())) if self._ready else None

    get_verified_chain = get_unverified_chain

    def get_channel_binding(self, cb_type: str = "tls-unique") -> None:
        """None for `tls-unique`, which the host does not tell."""
        if cb_type != "tls-unique":
            raise ValueError(f"'{cb_type}' channel binding type not implemented")

    def verify_client_post_handshake(self) -> None:
        """Only a server can ask for it."""
        raise from_reason("NOT_SERVER")


class _SSLObject(_SSLSocket):
    """A client's connection between two buffers."""

    _is_fed = False  # the host knows that the peer's stream has ended

    def __init__(self, tls: int, context: object, hostname: str | None, owner: object, bios: tuple) -> None:
        super().__init__(tls, context, hostname, owner, None)
        self._incoming, self._outgoing = bios

    def _run(self, late: str, call: Callable, *arguments: object) -> int:
        """Call the host, again as long as there is more for it from the peer, or it has more for the peer."""
        while True:
            fed = self._feed()
            code = call(self._tls, *arguments)
            taken = self._take()
            if code >= 0 or code < -2:
                break
            if not (taken if code == -2 else fed and self._has_more()):
                raise from_code(code)
        if code == -5:
            raise self._failure()
        return code

    def _has_more(self) -> bool:
        return bool(self._incoming._data) or (self._incoming._ended and not self._is_fed)

    def _feed(self) -> bool:
        incoming = self._incoming
        if data := incoming._data:
            if count := _host.tls_feed(self._tls, data):
                del data[:count]
            return count > 0
        if self._has_more():
            _host.tls_feed(self._tls, b"")
            self._is_fed = True
            return True
        return False

    def _take(self) -> bool:
        moved = False
        while data := _host.tls_take(self._tls, _MOST):
            self._outgoing._data += data
            moved = True
            if len(data) < _MOST:
                break
        return moved

    def _is_nonblocking(self) -> bool:
        return False


def _wait(fd: int, events: int, until: float, late: str) -> None:
    """Wait for a socket to be ready, at most until a time of the monotonic clock."""
    if fd < 0:
        raise error("Underlying socket has been closed.")
    left = until - time.monotonic()
    if left < 0:
        raise TimeoutError(late)
    poll = select.poll()
    poll.register(fd, events)
    if not poll.poll(None if left == math.inf else math.ceil(left * 1000)):
        raise TimeoutError(late)
