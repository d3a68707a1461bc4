# threat: T10
# ends: limit timeout, exception TimeoutError

import select
import socket

one, other = socket.socketpair()
while True:
    select.select([other], [], [], None)
