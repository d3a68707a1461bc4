# threat: T9
# ends: exception FileNotFoundError

open("/rw/../../../../etc/passwd")
