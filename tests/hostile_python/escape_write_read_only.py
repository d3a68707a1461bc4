# threat: T9
# ends: exception PermissionError

open("/ro/file", "w")
