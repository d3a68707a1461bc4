# threat: T4
# ends: limit memory

[0] * (2**28)
