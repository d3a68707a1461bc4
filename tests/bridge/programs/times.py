"""strftime: every directive with every flag, width and modifier, at the edges of what fits."""

import itertools
import time

moments = [
    (2024, 2, 29, 13, 5, 9, 3, 60, 0),
    (1, 1, 1, 0, 0, 0, 0, 1, -1),
    (9999, 12, 31, 23, 59, 60, 6, 366, 1),
]
letters = [chr(code) for code in range(33, 127)]
for moment in moments:
    for letter, flag, width in itertools.product(
        letters, ("", "_", "-", "0", "^", "#", "_^#0"), ("", "1", "12", "300")
    ):
        time.strftime(f"%{flag}{width}{letter}|", moment)
    for letter in letters:
        time.strftime(f"%E{letter}%O{letter}%%{letter}", moment)
    for length in range(240, 270):
        assert len(time.strftime("a" * length + "%Y%%", moment)) > length
assert time.strftime("%Y-%m-%d %H:%M:%S", moments[0]) == "2024-02-29 13:05:09"
assert time.strftime("%-d %_m %5Y %^a %P", moments[0]).split() == ["29", "2", "02024", "THU", "pm"]
assert time.strftime("", moments[0]) == "" and time.strftime("%", moments[0]) == "%"
time.strftime("%99999999999999999Y" * 3 + "%", moments[0])
# A directive without a text, in memory that is not fresh.
for width in range(1, 20):
    assert time.strftime(f"%0{width}z|", moments[1]) == "0" * width + "|"
