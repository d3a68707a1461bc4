# threat: T10
# ends: limit timeout, exception TimeoutError

import socket

one, other = socket.socketpair()
other.recv(1)
