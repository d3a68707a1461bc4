# threat: T9
# ends: exception OSError

import os

for fd in range(4, 10_000):
    try:
        os.fstat(fd)
    except OSError:
        continue
    raise AssertionError(fd)
os.read(5, 10)
