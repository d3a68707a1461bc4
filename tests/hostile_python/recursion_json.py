# threat: T5
# ends: exception

import json

json.loads("[" * 1_000_000)
