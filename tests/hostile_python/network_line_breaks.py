# threat: T10
# grants: origin
# ends: ok

import http.client
import os
import re
import socket

origin = int(os.environ["ORIGIN"])
host = f"Host: localhost:{origin}"
for head in (
    f"GET /v1/ HTTP/1.1\r\n{host}\r\nA: b\rX-Injected: 1\r\n\r\n",
    f"GET /v1/ HTTP/1.1\r\n{host}\r\nA: b\nX-Injected: 1\r\n\r\n",
    f"GET /v1/ HTTP/1.1\r\n{host}\r\nA: b\r\n X-Injected: 1\r\n\r\n",
    f"GET /v1/ HTTP/1.1\r\n{host}\r\nA: b\r\r\nX-Injected: 1\r\n\r\n",
    f"GET /v1/ HTTP/1.1\r\n{host}\r\nA: b\0\r\nX-Injected: 1\r\n\r\n",
    f"GET /v1/ HTTP/1.1\n{host}\nX-Injected: 1\n\n",
    f"GET /v1/\rX-Injected: HTTP/1.1\r\n{host}\r\n\r\n",
    f"GET /v1/ HTTP/1.1\rX-Injected: 1\r\n{host}\r\n\r\n",
    f"GET /v1/\nX-Injected: 1 HTTP/1.1\r\n{host}\r\n\r\n",
    f"GET /v1/ HTTP/1.1\r\n{host}\r\nA\r\nX-Injected: 1\r\n\r\n",
    f"GET /v1/ HTTP/1.1\r\n{host}\r\nA: \u0085X-Injected: 1\x0bB: c\r\n\r\n",
):
    with socket.create_connection(("localhost", origin), timeout=1) as connection:
        try:
            connection.sendall(head.encode("latin-1"))
            got = connection.recv(100)
        except OSError as error:
            assert f"http://localhost:{origin}" in str(error), (head, error)
        else:
            raise SystemExit(f"{head!r}: {got}")
# A client of Python's own without its checks, which would refuse some of it.
http.client._contains_disallowed_url_pchar_re = re.compile("(?!)")
http.client._is_illegal_header_value = lambda text: None
client = http.client.HTTPConnection("localhost", origin, timeout=1)
client.putrequest("GET", "/v1/?a=%0d%0aX-Injected:%201")
client.endheaders()
assert client.getresponse().status == 200
