# threat: T9
# ends: exception OSError

import os

os.rename("/rw/kept", "/rw/other")
