# threat: T2
# ends: any

import sys


def profile(frame, event, argument):
    raise KeyboardInterrupt


sys.setprofile(profile)
nothing()
