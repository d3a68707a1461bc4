# threat: T10
# ends: ok, limit timeout

import os
import ssl

context = ssl.create_default_context()
for size in (1, 5, 6, 100, 20_000, 100_000):
    for head in (b"", b"\x16\x03\x03", b"\x17\x03\x03\xff\xff", b"\x15\x03\x03\x00\x02\x01\x00"):
        incoming = ssl.MemoryBIO()
        connection = context.wrap_bio(incoming, ssl.MemoryBIO(), server_hostname="example.com")
        incoming.write(head + os.urandom(size))
        incoming.write_eof()
        for act in (
            connection.do_handshake,
            connection.read,
            lambda: connection.write(b"x"),
            connection.unwrap,
        ):
            try:
                act()
            except OSError:
                pass
