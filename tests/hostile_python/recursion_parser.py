# threat: T5
# ends: exception

eval("(" * 100_000 + ")" * 100_000)
