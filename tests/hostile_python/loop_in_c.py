# threat: T3
# ends: limit timeout

import itertools

sum(itertools.repeat(0))
