# threat: T4
# ends: limit memory, limit timeout

numbers = {}
while True:
    numbers[len(numbers)] = str(len(numbers)) * 10
