# threat: T4
# ends: exception, limit memory

"%1000000000d" % 1
