# threat: T4
# ends: limit memory

text = "x"
while True:
    text += text
