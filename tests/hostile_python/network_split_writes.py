# threat: T10
# grants: origin
# ends: ok

import os
import socket

origin = int(os.environ["ORIGIN"])
for line in (
    "GET /admin HTTP/1.1",
    "GET /v1/../admin HTTP/1.1",
    "GET /v1/%2e%2e/admin HTTP/1.1",
    "GET /v1/..%2fadmin HTTP/1.1",
    "GET /v1/.%2e/admin HTTP/1.1",
    "GET /v1/x/..;/../admin HTTP/1.1",
    "GET /v1\\..\\admin HTTP/1.1",
    "GET /v10 HTTP/1.1",
    "DELETE /v1/ HTTP/1.1",
    "GET /v1/ HTTP/1.1\r\nHost: evil.test",
):
    for size in (1, 3, 10):
        request = f"{line}\r\nHost: localhost:{origin}\r\n\r\n".encode()
        with socket.create_connection(("localhost", origin), timeout=1) as connection:
            try:
                for at in range(0, len(request), size):
                    connection.send(request[at : at + size])
                got = connection.recv(100)
            except OSError as error:
                assert f"http://localhost:{origin}" in str(error), (line, error)
            else:
                raise SystemExit(f"{line}: {got}")
