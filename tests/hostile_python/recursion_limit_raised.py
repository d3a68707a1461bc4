# threat: T5
# ends: exception, limit timeout, limit memory

import sys

sys.setrecursionlimit(2**31 - 1)


def again():
    again()


again()
