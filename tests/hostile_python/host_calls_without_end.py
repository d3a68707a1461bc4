# threat: T8
# ends: limit host_calls

while True:
    nothing()
