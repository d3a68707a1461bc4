# threat: T3
# ends: limit timeout


class Never:
    def __del__(self):
        while True:
            pass


never = Never()
del never
