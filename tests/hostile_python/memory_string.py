# threat: T4
# ends: limit memory, limit timeout

text = "x"
while True:
    text += text
