# threat: T10
# ends: exception

import socket

socket.getaddrinfo("example.com", 80)
