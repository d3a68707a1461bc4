# threat: T3
# ends: limit timeout

while True:
    try:
        input()
    except BaseException:
        pass
