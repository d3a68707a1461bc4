# threat: T10
# ends: ok

import os

from _ophidia import _host

for fd in (-1, 0, 1, 2, 3, 4, 100, 2**31 - 1, 2**32 - 1):
    for act in (
        lambda: _host.tls_attach(fd, fd),
        lambda: _host.tls_read(fd, bytearray(10)),
        lambda: _host.tls_write(fd, b"x"),
        lambda: _host.tls_handshake(fd),
        lambda: _host.tls_feed(fd, b"x"),
        lambda: _host.tls_take(fd, 1 << 40),
        lambda: _host.tls_about(fd, 99),
    ):
        try:
            act()
        except (OSError, OverflowError):
            continue
        raise SystemExit(f"{fd} is a connection")
tls = _host.tls_open("example.com", 3, 0, 0, b"", 0)
for fd in (tls, 0, 3):
    try:
        _host.tls_attach(tls, fd)
    except OSError:
        continue
    raise SystemExit("attached")
os.close(tls)
