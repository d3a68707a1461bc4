# threat: T10
# grants: origin
# ends: ok

import http.client
import os
import sys

origin = int(os.environ["ORIGIN"])
FORMS = """plain upper json json-in-json html html-hexadecimal percent percent-twice base64 base64url base32 hexadecimal
utf-16 utf-16-base64 mixed header reason chunks until-close gzip""".split()
for form in FORMS:
    for version in ("HTTP/1.1", "HTTP/1.0"):
        client = http.client.HTTPConnection("localhost", origin, timeout=1)
        client._http_vsn_str = version
        ask = {"Accept-Encoding": "gzip, br", "Accept-Charset": "utf-16", "Range": "bytes=0-9", "A-IM": "feed"}
        try:
            client.request("GET", f"/v1/told?{form}", headers=ask)
            response = client.getresponse()
            seen = response.reason.encode("latin-1") + str(response.headers).encode() + response.read()
        except (OSError, http.client.HTTPException) as error:
            seen = f"{error!r} {vars(error)}".encode()
        assert form == "gzip" or b"*" in seen, (form, seen)
        sys.stdout.buffer.write(seen)
