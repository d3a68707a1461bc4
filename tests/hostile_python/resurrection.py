# threat: T2
# ends: ok


class Again:
    kept = []

    def __del__(self):
        Again.kept.append(self)


for _ in range(10_000):
    Again()
    Again.kept.clear()
