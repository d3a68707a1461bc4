# threat: T10
# grants: origin
# ends: ok

import os
import socket

origin = int(os.environ["ORIGIN"])
# The origin is to see the host's header each time, once, and nothing that stands for it.
for lines in (
    "Authorization: mine",
    "AUTHORIZATION: mine\r\nauthorization: mine",
    "Connection: close, Authorization",
    "Authorization: mine\r\nConnection: Authorization",
    "Proxy-Authorization: mine",
    "Authorization:\tmine",
):
    with socket.create_connection(("localhost", origin), timeout=1) as connection:
        connection.sendall(f"GET /v1/ HTTP/1.1\r\nHost: localhost:{origin}\r\n{lines}\r\n\r\n".encode())
        got = connection.recv(1000)
        assert got.startswith(b"HTTP/1.1 200"), (lines, got)
        print(got)
