# threat: T3
# ends: limit timeout


def branch(n):
    return branch(n - 1) + branch(n - 1) if n else 1


branch(100)
