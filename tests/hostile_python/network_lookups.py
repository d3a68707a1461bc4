# threat: T10
# ends: limit timeout, exception TimeoutError

import socket

number = 0
while True:
    number += 1
    try:
        socket.getaddrinfo(f"name-{number}.example.com", 80)
    except OSError:
        pass
