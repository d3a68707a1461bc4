"""Generators, coroutines and exceptions: pipelines, `yield from`, send, a small event loop."""

N = 20
EXPECTED = 131_861_980


class Tree:
    def __init__(self, low, high):
        self.value = (low + high) // 2
        self.left = Tree(low, self.value) if low < self.value else None
        self.right = Tree(self.value + 1, high) if self.value + 1 < high else None

    def __iter__(self):
        if self.left:
            yield from self.left
        yield self.value
        if self.right:
            yield from self.right


def averages():
    total = count = 0
    average = None
    while True:
        value = yield average
        if value is None:
            return total
        total += value
        count += 1
        average = total / count


def pipeline(numbers):
    odd = (n for n in numbers if n % 2)
    squares = (n * n for n in odd)
    return sum(square % 7 for square in squares)


def raising(count):
    caught = 0
    for n in range(count):
        try:
            if n % 3 == 0:
                raise ValueError(n)
            if n % 5 == 0:
                raise KeyError(n)
        except ValueError:
            caught += 1
        except LookupError as error:
            caught += error.args[0] % 2
    return caught


class Pause:
    def __await__(self):
        yield self


async def countdown(n):
    total = 0
    while n:
        await Pause()
        total += n
        n -= 1
    return total


def run_all(coroutines):
    """A round-robin event loop in eight lines."""
    waiting, total = list(coroutines), 0
    while waiting:
        coroutine = waiting.pop()
        try:
            coroutine.send(None)
            waiting.insert(0, coroutine)
        except StopIteration as stop:
            total += stop.value
    return total


def main(n):
    result = 0
    for _ in range(n):
        result += sum(Tree(0, 2000))
        averager = averages()
        next(averager)
        for value in range(3000):
            averager.send(value)
        try:
            averager.send(None)
        except StopIteration as stop:
            result += stop.value
        result += pipeline(range(20000)) + raising(6000)
        result += run_all(countdown(60) for _ in range(40))
    return result
