# threat: T5
# ends: exception


class Deep:
    def __getattr__(self, name):
        return getattr(self, name + "x")


Deep().a
