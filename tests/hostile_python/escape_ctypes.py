# threat: T9
# ends: exception

import ctypes

ctypes.CDLL("libc.so.6")
