# threat: T2
# ends: any

import marshal
import random

good = marshal.dumps(compile("x = [1, 2, {3: 4}]", "x", "exec"))
random.seed(1)
for _ in range(2000):
    bad = bytearray(good)
    for _ in range(3):
        bad[random.randrange(len(bad))] = random.randrange(256)
    try:
        marshal.loads(bytes(bad))
    except Exception:
        pass
