# threat: T8
# ends: limit objects

held = []
while True:
    held.append(make())
