"""Calls of functions and small integers: Fibonacci's numbers by recursion."""


def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def main() -> int:
    return fib(24)
