# threat: T10
# grants: origin
# ends: ok

import http.client
import os
import sys
import traceback

origin = int(os.environ["ORIGIN"])
for form in (
    "no-http",
    "bad-status",
    "bad-length",
    "two-lengths",
    "bad-chunk",
    "bad-header",
    "too-much",
    "part",
    "cut",
):
    client = http.client.HTTPConnection("localhost", origin, timeout=1)
    try:
        client.request("GET", f"/v1/broken?{form}")
        response = client.getresponse()
        sys.stdout.buffer.write(str(response.headers).encode() + response.read())
        client.sock.recv(100)
    except (OSError, http.client.HTTPException, AttributeError) as error:
        traceback.print_exc()
        print(repr(error), vars(error), getattr(error, "partial", b""))
