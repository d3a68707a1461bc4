# threat: T10
# grants: origin
# ends: ok

import os
import socket

origin = int(os.environ["ORIGIN"])
own = f"Host: localhost:{origin}"
for target, *lines in (
    ("/v1/", "Host: evil.test"),
    ("/v1/", "Host: localhost:1"),
    ("/v1/", "Host: localhost"),
    ("/v1/", own, "Host: evil.test"),
    ("/v1/", "host: evil.test", own),
    ("/v1/", own + ", evil.test"),
    ("/v1/", own + "\tevil.test"),
    ("/v1/", f"Host: evil.test@localhost:{origin}"),
    ("/v1/", f"Host : localhost:{origin}"),
    ("/v1/",),
    ("http://evil.test/v1/", own),
    ("http://evil.test/v1/", "Host: evil.test"),
    (f"http://localhost:{origin}@evil.test/v1/", own),
    ("//evil.test/v1/", own),
):
    with socket.create_connection(("localhost", origin), timeout=1) as connection:
        try:
            connection.sendall("\r\n".join([f"GET {target} HTTP/1.1", *lines, "", ""]).encode())
            got = connection.recv(100)
        except OSError as error:
            assert f"http://localhost:{origin}" in str(error), error
        else:
            raise SystemExit(f"{target} {lines}: {got}")
