# threat: T8
# ends: limit value, limit memory

nothing("x" * 30_000_000)
