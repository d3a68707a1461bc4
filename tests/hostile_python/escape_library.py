# threat: T9
# ends: exception PermissionError

import os

open(os.__file__, "a")
