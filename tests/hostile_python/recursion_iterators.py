# threat: T5
# ends: exception

nested = iter(())
for _ in range(100_000):
    nested = filter(None, nested)
next(nested)
