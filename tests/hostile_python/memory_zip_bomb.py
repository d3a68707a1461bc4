# threat: T4
# ends: limit memory, limit timeout

import zlib

packed = zlib.compress(bytes(40 << 20), 9)
held = [zlib.decompress(packed) for _ in range(10)]
