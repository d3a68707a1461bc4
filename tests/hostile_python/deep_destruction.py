# threat: T5
# ends: ok

nested = None
for _ in range(500_000):
    nested = (nested,)
del nested
