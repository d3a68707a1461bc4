# threat: T10
# ends: ok

import socket

for name in (
    "a" * 5000,
    "\0",
    "a\0b",
    "example.com\0.evil.org",
    ".",
    "..",
    "",
    "a..b",
    "-",
    "é" * 300,
    "[::1]",
    "%",
    "a b",
):
    try:
        socket.getaddrinfo(name, 80)
    except (OSError, ValueError):
        continue
    raise SystemExit(f"found {name!r}")
