# threat: T10
# ends: ok, limit timeout

import os
import ssl

from _ophidia import _host

for data in (b"", b"\xff" * 3, b"\xff\xff\xff\x7f", (1 << 30).to_bytes(4, "little"), os.urandom(100_000)):
    for act in (lambda: _host.tls_trust(data), lambda: ssl.create_default_context(cadata=data or b"x")):
        try:
            act()
        except (OSError, ValueError):
            pass
try:
    for number in range(10_000):
        _host.tls_trust((4096).to_bytes(4, "little") + number.to_bytes(4096, "little"))
except OSError as error:
    assert "at most" in str(error), error
else:
    raise SystemExit("kept them all")
