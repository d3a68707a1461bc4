# threat: T9
# ends: exception FileNotFoundError

open("/proc/self/mem", "r+b")
