# threat: T4
# ends: limit memory, limit timeout

bytearray(10**9)
