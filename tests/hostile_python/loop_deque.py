# threat: T3
# ends: limit timeout

import collections
import itertools

collections.deque(itertools.repeat(0), maxlen=0)
