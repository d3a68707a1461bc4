# threat: T7
# ends: exception OSError

import os

os.symlink("/tmp/b", "/tmp/a")
os.symlink("/tmp/a", "/tmp/b")
open("/tmp/a")
