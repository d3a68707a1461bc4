# threat: T6
# ends: limit output

while True:
    print("x" * 100_000)
