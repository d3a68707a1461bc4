# Floats, small and big integers, complex numbers.
import cmath, math, random
from decimal import Decimal, getcontext
from fractions import Fraction

def mandel(w, h, limit):
    total = 0
    for row in range(h):
        ci = 2.4 * row / h - 1.2
        for col in range(w):
            cr = 3.2 * col / w - 2.1
            zr = zi = 0.0
            n = 0
            while n < limit and zr * zr + zi * zi < 4.0:
                zr, zi = zr * zr - zi * zi + cr, 2.0 * zr * zi + ci
                n += 1
            total += n
    return total

def mandel_complex(w, h):
    total = 0
    for row in range(h):
        for col in range(w):
            c = complex(3.0 * col / w - 2, 2.0 * row / h - 1)
            z = 0j
            for n in range(30):
                z = z * z + c
                if abs(z) > 2:
                    break
            total += n
    return total

def integrate(f, a, b, n):
    step = (b - a) / n
    acc = (f(a) + f(b)) / 2
    for i in range(1, n):
        acc += f(a + i * step)
    return acc * step

def sieve(n):
    flags = bytearray([1]) * (n + 1)
    for i in range(2, int(n ** 0.5) + 1):
        if flags[i]:
            flags[i * i::i] = bytes(len(range(i * i, n + 1, i)))
    return [i for i in range(2, n + 1) if flags[i]]

def collatz(limit):
    best = (0, 0)
    for start in range(1, limit):
        n, steps = start, 0
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps += 1
        if steps > best[0]:
            best = (steps, start)
    return best

def digits_sum(n):
    s = 0
    while n:
        n, d = divmod(n, 10)
        s += d
    return s

def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def modpow(b, e, m):
    r = 1
    while e:
        if e & 1:
            r = r * b % m
        b = b * b % m
        e >>= 1
    return r

def is_prime(n):
    if n < 4:
        return n > 1
    d, s = n - 1, 0
    while d % 2 == 0:
        d //= 2
        s += 1
    for a in (2, 3, 5, 7, 11, 13):
        if a >= n:
            continue
        x = modpow(a, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(s - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True

def matmul(a, b):
    cols = list(zip(*b))
    return [[sum(x * y for x, y in zip(row, col)) for col in cols] for row in a]

def gauss(a):
    n = len(a)
    a = [row[:] for row in a]
    for i in range(n):
        p = max(range(i, n), key=lambda r: abs(a[r][i]))
        a[i], a[p] = a[p], a[i]
        for j in range(i + 1, n):
            f = a[j][i] / a[i][i]
            for k in range(i, n):
                a[j][k] -= f * a[i][k]
    return math.prod(a[i][i] for i in range(n))

def xorshift(seed, n):
    out = []
    for _ in range(n):
        seed ^= (seed << 13) & 0xFFFFFFFF
        seed ^= seed >> 17
        seed ^= (seed << 5) & 0xFFFFFFFF
        out.append(seed & 0xFF)
    return out

def main():
    rnd = random.Random(5)
    mandel(70, 50, 60)
    mandel_complex(60, 40)
    for f in (math.sin, lambda x: x * x + 1, lambda x: math.exp(-x * x)):
        integrate(f, 0.0, 3.0, 12000)
    sieve(60000)
    collatz(2500)
    sum(digits_sum(3 ** i) for i in range(0, 120, 4))
    fib(20)
    sum(is_prime(n) for n in range(10001, 12501, 2))
    is_prime(2 ** 89 - 1)
    m = [[rnd.random() for _ in range(24)] for _ in range(24)]
    matmul(matmul(m, m), m)
    gauss(m)
    matmul([[i * j % 7 for i in range(20)] for j in range(20)], [[i + j for i in range(20)] for j in range(20)])
    xorshift(77, 12000)
    a, b = 0, 1
    for _ in range(1500):
        a, b = b, a + b
    str(b), int(str(b)), b // 12345678901234567890, b % 97, -b >> 7, b & (1 << 400) - 1
    math.factorial(300), math.gcd(b, 3 ** 200), pow(3, 10 ** 20, 10 ** 30 + 57)
    getcontext().prec = 40
    d = Decimal(1)
    for i in range(1, 1200):
        d += Decimal(1) / (i * i)
    sum((Fraction(1, i) for i in range(1, 120)), Fraction(0))
    for i in range(2500):
        x = rnd.uniform(-3, 3)
        round(x, 2), int(x), float(i), abs(x), min(x, 1.0, 2.0), max(i, 3), x ** 3, x // 1, x % 1, math.floor(x), cmath.exp(complex(x, 1))
        rnd.randint(1, 10), rnd.choice("abc"), rnd.gauss(0, 1)

for _ in range(12):
    main()
