# threat: T3
# ends: limit timeout

import sys


def trace(frame, event, argument):
    while True:
        pass


sys.settrace(trace)
(lambda: None)()
