# threat: T4
# ends: limit memory, limit timeout

[0] * (2**28)
