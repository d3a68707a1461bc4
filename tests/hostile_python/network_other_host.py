# threat: T10
# grants: origin
# ends: ok

import os
import socket

other = int(os.environ["OTHER"])
for host in ("localhost", "127.0.0.1", "::1", "::ffff:127.0.0.1", "2130706433", "0x7f.1", "example.com"):
    for port in (other, 80):
        try:
            socket.create_connection((host, port), timeout=1)
        except OSError as error:
            assert "granted" in str(error), (host, port, error)
        else:
            raise SystemExit(f"reached {host}:{port}")
