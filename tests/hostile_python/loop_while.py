# threat: T3
# ends: limit timeout

while True:
    pass
