# threat: T7
# ends: exception OSError

import os

for i in range(10**9):
    os.close(os.open(f"/tmp/{i}", os.O_CREAT | os.O_WRONLY))
