"""Pancake flips over every permutation: list slicing, indexing and small integers."""

N = 3
EXPECTED = (1616 * 3, 22)

PANCAKES = 8


def flip_all(n):
    permutation = list(range(n))
    count = [0] * n
    checksum = most = 0
    sign = 1
    while True:
        if permutation[0]:
            work = permutation[:]
            flips = 0
            while first := work[0]:
                work[: first + 1] = work[first::-1]
                flips += 1
            most = max(most, flips)
            checksum += sign * flips
        # The next permutation, in the order in which every other one has odd parity.
        sign = -sign
        index = 1
        while True:
            permutation.insert(index, permutation.pop(0))
            count[index] += 1
            if count[index] <= index:
                break
            count[index] = 0
            index += 1
            if index == n:
                return checksum, most


def main(n):
    results = [flip_all(PANCAKES) for _ in range(n)]
    return sum(checksum for checksum, _ in results), results[0][1]
