# threat: T10
# ends: exception OSError, exception MemoryError

import ssl

kept = []
context = ssl.create_default_context()
while True:
    connection = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="example.com")
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        kept.append(connection)
