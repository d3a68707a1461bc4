# threat: T10
# ends: ok, limit timeout

import socket

SPELLINGS = """127.0.0.1 127.1 2130706433 0x7f000001 0177.0.0.1 0.0.0.0 ::1 :: ::ffff:127.0.0.1 64:ff9b::7f00:1
2002:7f00:1:: 10.0.0.1 192.168.0.1 169.254.169.254 2852039166 fd00:ec2::254 fe80::1 localhost LOCALHOST. a.localhost
metadata.google.internal""".split()

for spelling in SPELLINGS:
    for port in (22, 80, 443):
        try:
            socket.create_connection((spelling, port), timeout=1)
        except OSError as error:
            assert "granted" in str(error), (spelling, error)
        else:
            raise SystemExit(f"reached {spelling}")
