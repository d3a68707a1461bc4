# threat: T3
# ends: limit timeout

numbers = {(2**31 - 1) * i: None for i in range(3000)}
while True:
    {key: None for key in numbers}
