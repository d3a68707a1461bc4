# threat: T4
# ends: ok, limit timeout

held = []
for _ in range(10_000):
    try:
        held.append(bytes(1_000_000))
    except MemoryError:
        held.clear()
