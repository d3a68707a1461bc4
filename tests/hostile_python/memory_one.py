# threat: T4
# ends: limit memory

bytearray(10**9)
