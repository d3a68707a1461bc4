# threat: T2
# ends: any

import sys


def steps():
    yield sys._getframe()


frame = next(steps())
frame.clear()
frame.f_locals["x"] = frame
del frame
