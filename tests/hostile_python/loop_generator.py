# threat: T3
# ends: limit timeout

for _ in iter(int, 1):
    pass
