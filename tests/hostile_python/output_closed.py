# threat: T6
# ends: ok

import os

os.close(1)
for _ in range(10_000):
    try:
        os.write(1, bytes(100_000))
    except OSError:
        pass
