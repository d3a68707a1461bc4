"""Every way to put ten queens on a board: recursion, generators, sets."""

N = 3
EXPECTED = (724 * 3, "0257948136", "9742051863")

QUEENS = 10


def place(n, row=0, columns=frozenset(), rising=frozenset(), falling=frozenset()):
    if row == n:
        yield ()
        return
    for column in range(n):
        if column in columns or row + column in rising or row - column in falling:
            continue
        rest = place(n, row + 1, columns | {column}, rising | {row + column}, falling | {row - column})
        for others in rest:
            yield (column, *others)


def main(n):
    boards = [board for _ in range(n) for board in place(QUEENS)]
    return len(boards), "".join(map(str, boards[0])), "".join(map(str, boards[-1]))
