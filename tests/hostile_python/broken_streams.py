# threat: T2
# ends: any

import sys

sys.stdout = sys.stderr = sys.excepthook = sys.path = sys.modules = None
raise ValueError
