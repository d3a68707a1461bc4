# threat: T4
# ends: limit memory, limit timeout

held = []
while True:
    held.append(bytes(100_000))
