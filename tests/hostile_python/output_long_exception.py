# threat: T6
# ends: exception

raise ValueError("x" * 20_000_000)
