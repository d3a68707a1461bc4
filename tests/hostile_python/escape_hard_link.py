# threat: T9
# ends: exception PermissionError

import os

os.link("/ro/file", "/rw/file")
