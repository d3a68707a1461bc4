# threat: T4
# ends: limit memory, limit timeout

import numpy

held = [numpy.ones(10**7) for _ in range(100)]
