# threat: T3
# ends: limit timeout

try:
    while True:
        pass
finally:
    while True:
        pass
