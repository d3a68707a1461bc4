# threat: T3
# ends: limit timeout


class Key:
    def __hash__(self):
        while True:
            pass


{Key(): 1}
