# threat: T3
# ends: limit timeout

import random


class Bad:
    def __lt__(self, other):
        return random.random() < 0.5


while True:
    sorted([Bad() for _ in range(1000)])
