# threat: T5
# ends: exception

nested = []
for _ in range(100_000):
    nested = [nested]
repr(nested)
