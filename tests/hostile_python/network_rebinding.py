# threat: T10
# grants: origin
# ends: ok

import os
import socket

origin, other = int(os.environ["ORIGIN"]), int(os.environ["OTHER"])
found = {address[0] for *_, address in socket.getaddrinfo("localhost", origin)}
assert found <= {"127.0.0.1", "::1"}, found
NAMES = """localhost localhost. LOCALHOST a.localhost localhost.evil.test 127.0.0.1.evil.test 127.0.0.1 127.1 0x7f000001
017700000001 2130706433 ::1 ::ffff:127.0.0.1 ::ffff:7f00:1 64:ff9b::7f00:1 0.0.0.0 :: localhost%00.evil.test""".split()
for name in (
    *NAMES,
    "localhost\0.evil.test",
    "localhost\u3002",
    "\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54",
):
    # Whatever a name leads to, another port is not reached, and the origin for nothing that is not granted.
    for port in (origin, other):
        try:
            with socket.create_connection((name, port), timeout=1) as connection:
                connection.sendall(f"GET /admin HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
                got = connection.recv(100)
        except (OSError, ValueError):
            continue
        raise SystemExit(f"{name}:{port}: {got}")
