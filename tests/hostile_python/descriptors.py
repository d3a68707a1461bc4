# threat: T7
# ends: exception OSError

held = []
while True:
    held.append(open("/ro/file"))
