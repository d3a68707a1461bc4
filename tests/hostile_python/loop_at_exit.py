# threat: T3
# ends: limit timeout

import atexit


def never():
    while True:
        pass


atexit.register(never)
