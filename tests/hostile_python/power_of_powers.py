# threat: T3
# ends: limit timeout

9**9**9
