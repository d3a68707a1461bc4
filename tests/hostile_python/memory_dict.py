# threat: T4
# ends: limit memory

numbers = {}
while True:
    numbers[len(numbers)] = str(len(numbers)) * 10
