# threat: T6
# ends: limit output, limit timeout

import sys

while True:
    try:
        sys.stderr.write("x" * 100_000)
        sys.stderr.flush()
    except OSError:
        pass
