# threat: T3
# ends: limit timeout

while True:
    try:
        while True:
            pass
    except BaseException:
        pass
