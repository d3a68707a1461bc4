# threat: T2
# ends: exit

import os

os._exit(7)
