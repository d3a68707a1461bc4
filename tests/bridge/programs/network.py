"""Sockets and TLS of the host, as far as the bridge goes: names, addresses, options, buffers."""

import os
import socket

from _ophidia import _host


def raises(kind, function, *args):
    try:
        function(*args)
    except kind as error:
        return str(error)
    raise AssertionError(f"{function.__name__}{args} raises nothing")


assert len(socket.getaddrinfo("some.name", 80)) == 16
assert (
    len(socket.getaddrinfo("some.name", "https", socket.AF_INET, socket.SOCK_STREAM, 0, socket.AI_CANONNAME))
    == 8
)
assert socket.getaddrinfo("127.0.0.1", None, flags=socket.AI_NUMERICHOST)
assert socket.getaddrinfo("::1", "http") and socket.getaddrinfo(None, 1) and socket.getaddrinfo("0x7f.1", 1)
assert socket.getaddrinfo(None, 1, flags=socket.AI_PASSIVE)
for name, port in (
    ("xx", 1),
    (None, None),
    ("n", "nothing"),
    ("n", 99999999),
    ("n", "-1"),
    ("name", -5),
):
    raises((OSError, OverflowError), socket.getaddrinfo, name, port)
raises(OSError, socket.getaddrinfo, "some.name", 80, 77)
raises(OSError, socket.getaddrinfo, "some.name", 80, 0, 0, 0, socket.AI_NUMERICHOST)
assert "denied, says the host" in raises(OSError, socket.getaddrinfo, "x", 1)
socket.gethostbyname("some.name")
raises(OSError, socket.gethostbyname, "xx")
assert socket.getservbyname("https") == 443 and socket.getservbyport(22) == "ssh"
raises(OSError, socket.getservbyname, "https", "udp")
raises(OSError, socket.getservbyport, 1)
assert socket.getnameinfo(("127.0.0.1", 80), 0) == ("127.0.0.1", "http")
assert socket.getnameinfo(("::1", 81, 0, 0), socket.NI_NUMERICSERV) == ("::1", "81")
raises(OSError, socket.getnameinfo, ("127.0.0.1", 80), socket.NI_NAMEREQD)
assert socket.gethostname() == "localhost" and socket.inet_ntoa(b"\1\2\3\4") == "1.2.3.4"

with socket.socket() as one:
    one.connect(("127.0.0.1", 80))
    assert one.getsockname()[0] == "127.0.0.1" and len(one.getpeername()) == 4
    raises(OSError, one.connect, ("::1", 1))
    raises(OSError, one.listen)
    raises(OSError, one.bind, ("127.0.0.1", 1))
    one.bind(("", 0))
    for option in range(70):
        one.getsockopt(socket.SOL_SOCKET, option)
        one.getsockopt(socket.SOL_SOCKET, option, 1)
        one.getsockopt(socket.SOL_SOCKET, option, 100)
        for value in (b"", b"\1", b"\0" * 100):
            try:
                one.setsockopt(socket.SOL_SOCKET, option, value)
            except OSError:
                assert option == socket.SO_ERROR
    raises(OSError, one.sendto, b"abc", ("127.0.0.1", 1))
with socket.socket(socket.AF_INET6) as six:
    raises(OSError, six.connect, ("::2", 1))
raises(OSError, socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
raises(OSError, socket.socket, socket.AF_UNIX)
for end in socket.socketpair():
    end.close()

number = _host.duplicate(0)
assert _host.duplicate(0, number) == number
os.close(number)
raises(OSError, _host.duplicate, 99999)

tls = _host.tls_open("name", 1, 2, 3, b"\2h2", 0)
assert _host.tls_open("n" * 255, 1, 2, 3, b"p" * 4096, 0) == tls == 77
raises(ValueError, _host.tls_open, "n" * 256, 1, 2, 3, b"", 0)
raises(ValueError, _host.tls_open, "", 1, 2, 3, b"p" * 4097, 0)
_host.tls_trust(b"certificate"), _host.tls_attach(tls, 0), _host.tls_handshake(tls), _host.tls_shutdown(tls)
for size in (0, 1, 100, 300000):
    assert _host.tls_read(tls, bytearray(size)) == size == _host.tls_write(tls, bytes(size))
    assert _host.tls_feed(tls, memoryview(bytes(size))) == size
    assert len(_host.tls_take(tls, size)) == min(size, 1 << 18) // 2
assert _host.tls_take(tls, -5) == b"" and _host.tls_pending(tls) == 0x78787878
for what in range(30):
    assert len(_host.tls_about(tls, what)) == (4 if what == 5 else what * 200)
for function in (_host.tls_handshake, _host.tls_shutdown, _host.tls_pending):
    raises(OSError, function, 78)
raises(OSError, _host.tls_read, 78, bytearray(1))
raises(OSError, _host.tls_take, 78, 100)
raises(OSError, _host.tls_about, 78, 1)
raises(OSError, _host.tls_attach, 78, 1)
raises((TypeError, BufferError), _host.tls_read, tls, b"read only")
raises(TypeError, _host.tls_read, tls)
raises(TypeError, _host.tls_write, tls, "text")
