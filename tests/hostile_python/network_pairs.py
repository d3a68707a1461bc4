# threat: T10
# ends: exception OSError

import socket

kept = []
while True:
    kept.append(socket.socketpair())
