# threat: T3
# ends: limit timeout

import re

re.match("(a*)*b", "a" * 40)
