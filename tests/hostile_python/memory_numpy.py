# threat: T4
# ends: limit memory

import numpy

held = [numpy.ones(10**7) for _ in range(100)]
