# threat: T8
# ends: limit objects

while True:
    keep(object())
