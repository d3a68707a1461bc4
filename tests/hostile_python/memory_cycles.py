# threat: T4
# ends: limit memory, limit timeout

import gc

gc.disable()
while True:
    cycle = [bytes(1000)]
    cycle.append(cycle)
