# threat: T9
# ends: exception

open("/ro/outside")
