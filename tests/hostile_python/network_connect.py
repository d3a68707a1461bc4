# threat: T10
# grants: origin
# ends: ok

import os
import socket

origin, other = os.environ["ORIGIN"], os.environ["OTHER"]
for line in (
    f"CONNECT localhost:{other} HTTP/1.1",
    f"CONNECT localhost:{origin} HTTP/1.1",
    "CONNECT /v1/ HTTP/1.1",
    "connect /v1/ HTTP/1.1",
    "TRACE /v1/ HTTP/1.1",
    "TRACK /v1/ HTTP/1.1",
    "PUT /v1/ HTTP/1.1",
    "PRI * HTTP/2.0",
    "OPTIONS * HTTP/1.1",
):
    with socket.create_connection(("localhost", int(origin)), timeout=1) as connection:
        try:
            connection.sendall(f"{line}\r\nHost: localhost:{origin}\r\n\r\n".encode())
            got = connection.recv(100)
        except OSError as error:
            assert f"http://localhost:{origin}" in str(error), error
        else:
            raise SystemExit(f"{line}: {got}")
# Nor does the connection become one of another protocol.
with socket.create_connection(("localhost", int(origin)), timeout=1) as connection:
    upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c, websocket\r\nHTTP2-Settings: AA\r\n"
    connection.sendall(f"GET /v1/ HTTP/1.1\r\nHost: localhost:{origin}\r\n{upgrade}\r\n".encode())
    got = connection.recv(1000)
    assert got.startswith(b"HTTP/1.1 200") and b"websocket" not in got, got
