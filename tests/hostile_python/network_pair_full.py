# threat: T10
# ends: limit timeout, exception TimeoutError

import socket

one, other = socket.socketpair()
while True:
    one.send(bytes(1 << 20))
