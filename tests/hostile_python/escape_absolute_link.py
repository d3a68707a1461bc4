# threat: T9
# ends: exception

import os

os.symlink("/etc", "/rw/out")
open("/rw/out/passwd")
