# threat: T7
# ends: exception OSError

import os

held = []
while True:
    fd = os.open("/tmp/a", os.O_CREAT | os.O_RDWR)
    os.unlink("/tmp/a")
    os.write(fd, bytes(1 << 20))
    held.append(fd)
