# threat: T3
# ends: limit timeout

import time

while True:
    try:
        time.sleep(1e6)
    except BaseException:
        pass
