# threat: T3
# ends: limit timeout

data = bytearray(8 << 20)
while True:
    data[1:] = data[:-1]
