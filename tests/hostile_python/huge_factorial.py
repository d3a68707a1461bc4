# threat: T3
# ends: limit timeout

import math

math.factorial(10**7)
