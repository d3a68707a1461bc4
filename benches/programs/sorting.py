"""Sorting with keys, own sorts, heaps and bisection: comparisons and list access."""

import bisect
import heapq
from functools import cmp_to_key
from operator import attrgetter, itemgetter

N = 5
EXPECTED = 20_536_365_230


class Card:
    __slots__ = ("rank", "suit")

    def __init__(self, number):
        self.rank = number * 7 % 13
        self.suit = number * 5 % 4

    def __lt__(self, other):
        return (self.suit, self.rank) < (other.suit, other.rank)


def numbers(count):
    state = 1
    for _ in range(count):
        state = state * 48271 % 2147483647
        yield state


def quicksort(values):
    if len(values) < 2:
        return values
    middle = values[len(values) // 2]
    return (
        quicksort([v for v in values if v < middle])
        + [v for v in values if v == middle]
        + quicksort([v for v in values if v > middle])
    )


def merge_sort(values):
    if len(values) < 2:
        return values
    half = len(values) // 2
    left, right = merge_sort(values[:half]), merge_sort(values[half:])
    merged, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    return merged + left[i:] + right[j:]


def main(n):
    values = list(numbers(3000))
    rows = [(value % 100, f"name{value % 977}", value) for value in values]
    checksum = 0
    for _ in range(n):
        ordered = sorted(values)
        assert quicksort(values) == ordered == merge_sort(values)
        heap = []
        for value in values:
            heapq.heappush(heap, value)
        assert [heapq.heappop(heap) for _ in values] == ordered
        rows.sort(key=itemgetter(1, 0))
        checksum += rows[17][2]
        rows.sort(key=lambda row: (-row[0], row[1].upper(), row[2]))
        checksum += rows[17][2]
        by_length = sorted(rows, key=cmp_to_key(lambda a, b: len(a[1]) - len(b[1]) or a[2] - b[2]))
        checksum += by_length[17][2]
        cards = [Card(value) for value in values[:1500]]
        checksum += sorted(cards)[5].rank + sorted(cards, key=attrgetter("rank"))[9].suit
        checksum += sum(bisect.bisect(ordered, value >> 1) for value in values)
    return checksum
