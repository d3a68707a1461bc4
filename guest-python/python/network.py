"""What the socket module lacks without a network, so that it fails as programs expect: OSError."""

import _socket
import errno
import socket
from typing import NoReturn

_MISSING = (
    "getaddrinfo gethostbyaddr gethostbyname gethostbyname_ex getnameinfo getservbyname getservbyport"
).split()


def _refuse(name: str) -> object:
    def refused(*args: object, **kwargs: object) -> NoReturn:
        raise socket.gaierror(errno.ENOTSUP, "no network is granted to this interpreter")

    refused.__name__ = refused.__qualname__ = name
    return refused


def install() -> None:
    """Add the missing functions to `socket` and `_socket`."""
    for name in _MISSING:
        if not hasattr(_socket, name):
            function = _refuse(name)
            setattr(_socket, name, function)
            if not hasattr(socket, name):
                setattr(socket, name, function)
    if not hasattr(_socket, "gethostname"):
        _socket.gethostname = socket.gethostname = lambda: "localhost"
