# threat: T7
# ends: exception OSError

import os

os.truncate(os.open("/rw/sparse", os.O_CREAT | os.O_RDWR), 2**40)
