# threat: T3
# ends: limit timeout

import numpy

a = numpy.ones((400, 400))
while True:
    try:
        a = numpy.clip(a @ a, 0, 1)
    except BaseException:
        pass
