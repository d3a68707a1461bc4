"""The largest singular value of an infinite matrix's corner: nested generator sums of floats."""

N = 130
EXPECTED = 1.274222

ROUNDS = 8


def entry(i, j):
    return 1.0 / ((i + j) * (i + j + 1) // 2 + i + 1)


def times(vector):
    return [sum(entry(i, j) * x for j, x in enumerate(vector)) for i in range(len(vector))]


def transposed_times(vector):
    return [sum(entry(j, i) * x for j, x in enumerate(vector)) for i in range(len(vector))]


def main(n):
    u = [1.0] * n
    for _ in range(ROUNDS):
        v = transposed_times(times(u))
        u = transposed_times(times(v))
    above = sum(a * b for a, b in zip(u, v))
    below = sum(b * b for b in v)
    return round((above / below) ** 0.5, 6)
