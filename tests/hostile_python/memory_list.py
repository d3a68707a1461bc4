# threat: T4
# ends: limit memory

held = []
while True:
    held.append(bytes(100_000))
