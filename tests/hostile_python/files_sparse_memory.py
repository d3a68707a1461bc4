# threat: T7
# ends: exception OSError

import os

os.pwrite(os.open("/tmp/sparse", os.O_CREAT | os.O_RDWR), b"x", 2**40)
