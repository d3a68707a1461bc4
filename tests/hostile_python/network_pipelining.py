# threat: T10
# grants: origin
# ends: ok

import os
import socket

origin = int(os.environ["ORIGIN"])
host = f"Host: localhost:{origin}\r\n"
good = f"GET /v1/ HTTP/1.1\r\n{host}\r\n"
bad = f"GET /admin HTTP/1.1\r\n{host}\r\n"
post = f"POST /v1/ HTTP/1.1\r\n{host}"
for bytes_ in (
    good + bad,
    good * 3 + bad,
    f"{post}Content-Length: 1\r\n\r\nx{bad}",
    f"{post}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n{bad}",
    f"{post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{bad}",
    f"{post}Content-Length: 0\r\nContent-Length: {len(bad)}\r\n\r\n{bad}",
    f"{post}Content-Length: +0\r\n\r\n{bad}",
    f"{post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{bad}",
    f"{post}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n{bad}",
    f"{post}Connection: Content-Length\r\nContent-Length: {len(bad)}\r\nContent-Length: 0\r\n\r\n{bad}",
    f"GET /v1/ HTTP/1.1\r\n{host}Connection: close\r\n\r\n{bad}",
):
    with socket.create_connection(("localhost", origin), timeout=1) as connection:
        try:
            connection.sendall(bytes_.encode())
            while connection.recv(1000):
                pass
        except OSError as error:
            assert f"http://localhost:{origin}" in str(error), (bytes_, error)
        else:
            raise SystemExit(bytes_)
