"""Digits of pi one by one from a spigot: arithmetic on integers of thousands of bits."""

N = 2_200
EXPECTED = "3141592653/3928468138"


def digits():
    numerator, extra, denominator, k = 1, 0, 1, 1
    while True:
        factor = 2 * k + 1
        numerator, extra, denominator = (
            numerator * k,
            (2 * numerator + extra) * factor,
            denominator * factor,
        )
        k += 1
        if numerator > extra:
            continue
        digit = (3 * numerator + extra) // denominator
        if digit == (4 * numerator + extra) // denominator:
            yield digit
            numerator *= 10
            extra = 10 * (extra - digit * denominator)


def main(n):
    produced = "".join(str(digit) for digit, _ in zip(digits(), range(n)))
    return f"{produced[:10]}/{produced[-10:]}"
