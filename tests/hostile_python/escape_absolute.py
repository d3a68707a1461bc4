# threat: T9
# ends: exception FileNotFoundError

open("/etc/passwd")
