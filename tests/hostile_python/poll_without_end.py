# threat: T3
# ends: limit timeout

import select

while True:
    select.select([], [], [], 0)
