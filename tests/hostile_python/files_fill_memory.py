# threat: T7
# ends: exception OSError

with open("/tmp/a", "wb") as file:
    while True:
        file.write(bytes(65_536))
