# threat: T9
# ends: exception PermissionError

import os

os.rename("/rw/kept", "/rw/other")
