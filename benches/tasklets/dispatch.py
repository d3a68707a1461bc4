"""Calls of protocols and of arities, against other ways to choose an implementation.

    ophidia run benches/tasklets/dispatch.py

Each figure is the fastest of many rounds over the same values, less the loop that runs them; contestants take
turns. Ratios are to the line marked `1.00`. Left out: the cost of definitions, extensions and first calls.
"""

import functools
import sys
from time import perf_counter_ns

from ophidia.dispatch import Protocol, arities, extend

_CALLS = 50_000
_ROUNDS = 40


class Countable(Protocol):
    def count(self): ...
    def size(self): ...
    def add(self, x, y): ...


def user_class():
    """A class with methods, and the same functions as extensions."""

    class Bag:
        def __init__(self):
            self.items = [1, 2, 3]

        def __len__(self):
            return 1

        def count(self):
            return 1

        def add(self, x, y):
            return x

        def size(self):
            """A method with work of its own: some ten operations."""
            total = 0
            for item in self.items:
                total += item
            return total

    def count(bag):
        return 1

    def add(bag, x, y):
        return x

    def size(bag):
        total = 0
        for item in bag.items:
            total += item
        return total

    extend(Bag, Countable, count=count, size=size, add=add)
    single_count.register(Bag, count)
    single_size.register(Bag, size)
    single_add.register(Bag, add)
    return Bag


@functools.singledispatch
def single_count(x):
    raise TypeError


@functools.singledispatch
def single_size(bag):
    raise TypeError


@functools.singledispatch
def single_add(bag, x, y):
    raise TypeError


def int_count(number):
    return 1


extend(int, Countable, count=int_count)
single_count.register(int, int_count)
by_type = {int: int_count}


def through_method(x):
    return x.count()


def through_method_with_arguments(bag, x, y):
    return bag.add(x, y)


def through_attribute(x):
    return type(x).count(x)


def through_table(x):
    return by_type[type(x)](x)


def check_only(x):
    if type(x) is Bag:
        return 1


@arities
class pair:
    def invoke0():
        return 0

    def invoke1(a):
        return a

    def invoke2(a, b):
        return a

    def invoke_rest(a, b, *rest):
        return a


def plain_pair(a, b):
    return a


_by_number = {1: pair.invoke1, 2: pair.invoke2}


def packed_pair(*arguments):
    return _by_number[len(arguments)](*arguments)


def timed(call: str):
    """A function that times `call` for each `x` in values. `f` is what is called."""
    names = {"perf_counter_ns": perf_counter_ns}
    exec(
        "def run(values, f):\n"
        "    start = perf_counter_ns()\n"
        "    for x in values:\n"
        f"        {call}\n"
        "    return perf_counter_ns() - start\n",
        names,
    )
    return names["run"]


def measured(values: list, contestants: dict[str, tuple]) -> tuple[float, dict[str, float]]:
    """Nanoseconds of the loop, and of a call of each contestant."""
    runs = {name: (timed(call), f) for name, (call, f) in {"loop": ("pass", None), **contestants}.items()}
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(_ROUNDS):
        for name, (run, f) in runs.items():
            best[name] = min(best[name], run(values, f) / len(values))
    loop = best.pop("loop")
    return loop, {name: time - loop for name, time in best.items()}


def compare(title: str, values: list, contestants: dict[str, tuple]) -> dict[str, float]:
    """Print and give nanoseconds a call. The first contestant is what the others are compared with."""
    loop, best = measured(values, contestants)
    base = next(iter(best.values()))
    print(f"{title} (loop: {loop:.1f} ns)")
    for name, time in best.items():
        print(f"    {name:46} {time:7.1f} ns  {time / base:6.2f}")
    return best


Bag, *others = (user_class() for _ in range(4))
protocol_call = ("f(x)", Countable.count)
with_work = {
    "method: x.size()": ("x.size()", None),
    "protocol: size(x)": ("f(x)", Countable.size),
    "singledispatch": ("f(x)", single_size),
}


def figures() -> list[float]:
    """Nanoseconds of a method with work of its own, of it as a protocol's function, by `singledispatch`."""
    return list(measured([Bag()] * _CALLS, with_work)[1].values())


def main() -> None:
    print(f"CPython {sys.version.split()[0]} on {sys.platform}")
    bags = [Bag()] * _CALLS
    mixed = [cls() for cls in (Bag, *others)] * (_CALLS // 4)
    count = Countable.count
    user = compare(
        "a user class, methods that do nothing",
        bags,
        {
            "method: x.count()": ("x.count()", None),
            "protocol: count(x)": protocol_call,
            "singledispatch": ("f(x)", single_count),
            "function: x.count()": ("f(x)", through_method),
            "function: type(x).count(x), no built-in types": ("f(x)", through_attribute),
            "len(x), a __len__ in Python": ("f(x)", len),
            "function: checks one type, calls nothing": ("f(x)", check_only),
            "protocol: count.dispatch(cls), before the loop": ("f(x)", count.dispatch(Bag)),
        },
    )
    compare(
        "the same with two more arguments",
        bags,
        {
            "method: x.add(1, 2)": ("x.add(1, 2)", None),
            "protocol: add(x, 1, 2)": ("f(x, 1, 2)", Countable.add),
            "singledispatch": ("f(x, 1, 2)", single_add),
            "function: x.add(1, 2)": ("f(x, 1, 2)", through_method_with_arguments),
        },
    )
    work = compare("a user class, methods that add three numbers in a loop", bags, with_work)
    several = compare(
        "four user classes in turn, methods that do nothing",
        mixed,
        {
            "method: x.count()": ("x.count()", None),
            "protocol: count(x)": protocol_call,
            "singledispatch": ("f(x)", single_count),
            "function: x.count()": ("f(x)", through_method),
            "function: type(x).count(x), no built-in types": ("f(x)", through_attribute),
        },
    )
    number = compare(
        "int",
        [5] * _CALLS,
        {
            "function: table[type(x)](x)": ("f(x)", through_table),
            "protocol: count(x)": protocol_call,
            "singledispatch": ("f(x)", single_count),
            "method in C: x.bit_length()": ("x.bit_length()", None),
        },
    )
    compare(
        "arities, two arguments",
        [5] * _CALLS,
        {
            "function: f(x, 1)": ("f(x, 1)", plain_pair),
            "arities: f.invoke2(x, 1)": ("f.invoke2(x, 1)", pair),
            "arities: f.invoke2, read before the loop": ("f(x, 1)", pair.invoke2),
            "arities: f(x, 1)": ("f(x, 1)", pair),
            "arities: f(x)": ("f(x)", pair),
            "function: *arguments and a table": ("f(x, 1)", packed_pair),
        },
    )

    print("protocol against singledispatch (wanted: 1.5 or more times as fast)")
    for title, times in {"user class": user, "four user classes": several, "int": number}.items():
        print(f"    {title:46} {times['singledispatch'] / times['protocol: count(x)']:7.1f}")
    print("protocol against a method (wanted: 1.2 or less)")
    for title, times in {"that does nothing": user, "of four classes": several, "with a loop": work}.items():
        method, protocol, *_ = times.values()
        print(f"    {title:46} {protocol / method:7.2f}")
    function = user["function: x.count()"]
    print(f"    {'against a function that calls the method':46} {user['protocol: count(x)'] / function:7.2f}")
    extra = user["protocol: count(x)"] - user["method: x.count()"]
    print(f"    1.2 holds from a method of {extra / 0.2:.0f} ns on: a protocol call costs {extra:.0f} ns more")


if __name__ == "__main__":
    main()
