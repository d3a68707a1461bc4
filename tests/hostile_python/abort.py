# threat: T2
# ends: guest fault, exit

import os

os.abort()
