# threat: T10
# ends: ok

import socket

for address in (("", 8000), ("127.0.0.1", 0), ("0.0.0.0", 80), ("::", 80)):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.bind(address)
        listener.listen()
        listener.accept()
    except OSError:
        continue
    raise SystemExit("listens")
