# threat: T3
# ends: limit timeout

import sys

while True:
    sys.modules.pop("json", None)
    import json  # noqa: F401
