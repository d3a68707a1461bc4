# threat: T9
# ends: ok

import os

assert dict(os.environ) == {}, os.environ
