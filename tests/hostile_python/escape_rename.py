# threat: T9
# ends: exception PermissionError

import os

os.rename("/ro/file", "/rw/file")
