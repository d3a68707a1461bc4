# threat: T2
# ends: any

import builtins
import sys

for name in list(vars(builtins)):
    if not name.startswith("__"):
        setattr(builtins, name, None)
sys.modules.clear()
