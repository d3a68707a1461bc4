# threat: T3
# ends: limit timeout, exception, limit memory

source = "(" * 90 + "1" + ")" * 90
while True:
    compile("+".join([source] * 1000), "x", "eval")
