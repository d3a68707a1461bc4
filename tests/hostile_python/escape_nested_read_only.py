# threat: T9
# ends: exception PermissionError

open("/rw/kept/file", "w")
