# threat: T3
# ends: limit timeout, ok


class Never:
    def __del__(self):
        while True:
            pass


never = Never()
del never
