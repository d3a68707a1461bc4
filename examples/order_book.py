"""Match orders of a small exchange by price and time, and print the book as tables.

Needs attrs, sortedcontainers and tabulate (see requirements.txt):
    ophidia run --site site examples/order_book.py
"""

import itertools
import random
from collections.abc import Iterator
from enum import Enum

import attrs
from sortedcontainers import SortedDict, SortedKeyList
from tabulate import tabulate


class Side(Enum):
    BUY = "buy"
    SELL = "sell"

    @property
    def other(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


def positive(instance: object, attribute: "attrs.Attribute[int]", value: int) -> None:
    if value <= 0:
        raise ValueError(f"{attribute.name} must be positive, not {value}")


@attrs.define
class Order:
    number: int = attrs.field(validator=attrs.validators.instance_of(int))
    trader: str = attrs.field(converter=str.upper)
    side: Side
    price: int = attrs.field(validator=positive)
    pieces: int = attrs.field(validator=positive)


@attrs.frozen
class Trade:
    buyer: str
    seller: str
    price: int
    pieces: int


@attrs.define
class Book:
    """Each side: price -> orders, oldest first."""

    sides: dict[Side, SortedDict] = attrs.field(
        factory=lambda: {Side.BUY: SortedDict(lambda price: -price), Side.SELL: SortedDict()}
    )
    trades: list[Trade] = attrs.field(factory=list, repr=False)

    def submit(self, order: Order) -> int:
        """Match what can be matched, keep the rest in the book; return the pieces traded."""
        before = order.pieces
        left = before
        opposite = self.sides[order.side.other]
        while left and opposite:
            price, queue = opposite.peekitem(0)
            if (order.price - price) * (1 if order.side is Side.BUY else -1) < 0:
                break
            resting = queue[0]
            pieces = min(left, resting.pieces)
            pair = (order, resting) if order.side is Side.BUY else (resting, order)
            self.trades.append(Trade(pair[0].trader, pair[1].trader, price, pieces))
            left -= pieces
            if pieces == resting.pieces:
                queue.pop(0)
            else:
                resting.pieces -= pieces
            if not queue:
                del opposite[price]
        if left:
            rest = attrs.evolve(order, pieces=left)
            levels = self.sides[order.side]
            if order.price not in levels:
                levels[order.price] = SortedKeyList(key=lambda kept: kept.number)
            levels[order.price].add(rest)
        return before - left

    def depth(self, side: Side, levels: int) -> Iterator[tuple[int, int, str]]:
        for price, queue in itertools.islice(self.sides[side].items(), levels):
            shown = " ".join(f"{order.trader}:{order.pieces}" for order in queue[:8])
            more = f" and {len(queue) - 8} more" if len(queue) > 8 else ""
            yield price, sum(order.pieces for order in queue), shown + more


def orders(count: int, seed: int) -> Iterator[Order]:
    chance = random.Random(seed)
    middle = 1000.0
    for number in range(1, count + 1):
        middle += chance.gauss(0, 0.8)
        side = chance.choice(list(Side))
        away = chance.expovariate(0.2) * (-1 if side is Side.BUY else 1)
        trader = chance.choice(["ann", "bob", "cleo", "dirk"])
        yield Order(number, trader, side, round(middle + away + 2 * chance.random()), chance.randint(1, 40))


def main() -> None:
    book = Book()
    traded = sum(book.submit(order) for order in orders(2000, seed=7))
    print(f"{len(book.trades)} trades of {traded} pieces")
    for side in Side:
        table = tabulate(
            book.depth(side, 5), headers=["price", "pieces", "orders"], tablefmt="grid", maxcolwidths=40
        )
        print(f"\n{side.value}\n{table}")

    by_trader = SortedDict()
    for trade in book.trades:
        for name, sign in ((trade.buyer, 1), (trade.seller, -1)):
            pieces, money = by_trader.get(name, (0, 0))
            by_trader[name] = (pieces + sign * trade.pieces, money - sign * trade.pieces * trade.price)
    last = book.trades[-1].price
    rows = [
        (name, pieces, money / 100, (money + pieces * last) / 100)
        for name, (pieces, money) in by_trader.items()
    ]
    headers = ["trader", "position", "cash", "profit at last price"]
    print("\n" + tabulate(rows, headers=headers, floatfmt=",.2f", intfmt=","))
    assert sum(row[1] for row in rows) == 0

    prices = SortedKeyList((trade.price for trade in book.trades), key=lambda price: price)
    middle = prices[len(prices) // 2]
    print(f"\nlowest {prices[0]}, median {middle}, highest {prices[-1]}, last {last}")
    print(
        "trades within 5 of the median:",
        prices.bisect_right(middle + 5) - prices.bisect_left(middle - 5),
    )
    print("first:", attrs.asdict(book.trades[0]))
    for bad in ({"pieces": 0}, {"number": "one"}):
        try:
            attrs.evolve(Order(1, "eve", Side.BUY, 10, 1), **bad)
        except (ValueError, TypeError) as error:
            print("refused:", type(error).__name__, str(error.args[0])[:60])


if __name__ == "__main__":
    main()
