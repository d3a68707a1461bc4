# threat: T7
# ends: exception OSError

import os

for i in range(10**9):
    os.mkdir(f"/rw/{i}")
