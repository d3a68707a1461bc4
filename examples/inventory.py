"""A warehouse with dataclasses and modern typing: generics, protocols, enums, pattern matching.

ophidia run examples/inventory.py
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, InitVar, dataclass, field
from decimal import Decimal
from enum import Enum, Flag, StrEnum, auto
from typing import (
    Annotated,
    ClassVar,
    Literal,
    NamedTuple,
    NewType,
    Protocol,
    Self,
    TypedDict,
    assert_never,
    get_args,
    get_type_hints,
    runtime_checkable,
)

Sku = NewType("Sku", str)
type Predicate[T] = Callable[[T], bool]


class Unit(Enum):
    PIECE = "pc"
    METRE = "m"
    KILO = "kg"


class Hazard(Flag):
    NONE = 0
    HOT = auto()
    SHARP = auto()
    POISON = auto()


class Size(NamedTuple):
    width: float
    depth: float = 1.0

    def fits(self, other: Size) -> bool:
        return self.width <= other.width and self.depth <= other.depth


@runtime_checkable
class Priced(Protocol):
    @property
    def price(self) -> Decimal: ...


@dataclass(frozen=True, order=True, slots=True)
class Item:
    sku: Sku
    name: Annotated[str, "as printed on the box"] = field(compare=False)
    price: Decimal = field(compare=False)
    _: KW_ONLY
    unit: Unit = field(default=Unit.PIECE, compare=False)
    hazard: Hazard = field(default=Hazard.NONE, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.price < 0:
            raise ValueError(f"{self.sku}: negative price {self.price}")


@dataclass
class Shelf[T: Item]:
    """A place for items of one kind; `capacity` is an argument only, not a field."""

    label: str
    capacity: InitVar[int] = 100
    stock: dict[T, int] = field(default_factory=dict)
    count: ClassVar[int] = 0

    def __post_init__(self, capacity: int) -> None:
        self._capacity = capacity
        type(self).count += 1

    def __len__(self) -> int:
        return sum(self.stock.values())

    def __iadd__(self, more: tuple[T, int]) -> Self:
        item, pieces = more
        if len(self) + pieces > self._capacity:
            raise OverflowError(f"{self.label}: {pieces} more do not fit into {self._capacity}")
        self.stock[item] = self.stock.get(item, 0) + pieces
        return self

    def where(self, test: Predicate[T]) -> Iterator[tuple[T, int]]:
        return ((item, pieces) for item, pieces in sorted(self.stock.items()) if test(item))


class Event(ABC):
    @abstractmethod
    def apply(self, shelves: Mapping[str, Shelf[Item]]) -> str: ...


@dataclass(frozen=True)
class Received(Event):
    shelf: str
    item: Item
    pieces: int

    def apply(self, shelves: Mapping[str, Shelf[Item]]) -> str:
        shelf = shelves[self.shelf]
        shelf += (self.item, self.pieces)
        return f"+{self.pieces} {self.item.name} on {shelf.label}"


@dataclass(frozen=True)
class Moved(Event):
    source: str
    target: str
    sku: Sku

    def apply(self, shelves: Mapping[str, Shelf[Item]]) -> str:
        source = shelves[self.source]
        found = next(source.where(lambda item: item.sku == self.sku), None)
        if found is None:
            raise LookupError(f"no {self.sku} on {source.label}")
        item, pieces = found
        shelves[self.target].__iadd__((item, pieces))
        del source.stock[item]
        return f"{pieces} {item.name}: {self.source} -> {self.target}"


class Mode(StrEnum):
    SHORT = auto()
    LONG = auto()


class Row(TypedDict, total=False):
    sku: str
    pieces: int
    worth: Decimal


def value(things: Iterable[tuple[Priced, int]]) -> Decimal:
    return functools.reduce(operator.add, (thing.price * n for thing, n in things), Decimal())


def describe(what: Item | Size | Mapping[str, object] | list[int] | None) -> str:
    match what:
        case Item(sku=sku, unit=Unit.METRE):
            return f"{sku} by the metre"
        case Item(price=price) if price > 100:
            return "something dear"
        case Item(name=name, hazard=hazard) if hazard:
            return f"{name}: mind {hazard!r}"
        case Item():
            return "an item"
        case Size(width, depth) | [width, depth]:
            return f"{width} by {depth}"
        case {"kind": "parcel", **rest}:
            return f"a parcel with {sorted(rest)}"
        case [first, *_, last]:
            return f"from {first} to {last}"
        case None:
            return "nothing"
        case _:
            return f"unknown {type(what).__name__}"


def rows(shelf: Shelf[Item], mode: Mode) -> list[Row]:
    match mode:
        case Mode.SHORT:
            return [Row(sku=item.sku, pieces=n) for item, n in shelf.where(lambda _: True)]
        case Mode.LONG:
            return [
                Row(sku=item.sku, pieces=n, worth=item.price * n)
                for item, n in shelf.where(lambda item: item.price > 1)
            ]
        case _:
            assert_never(mode)


def main() -> None:
    lamp = Item(Sku("L-1"), "heat lamp", Decimal("24.90"), hazard=Hazard.HOT | Hazard.POISON)
    hook = Item(Sku("H-2"), "snake hook", Decimal("17.50"), hazard=Hazard.SHARP)
    cable = Item(Sku("C-9"), "heating cable", Decimal("0.85"), unit=Unit.METRE)
    tank = Item(Sku("T-4"), "terrarium", Decimal(189))
    shelves = {label: Shelf[Item](label, capacity=60) for label in ("A", "B")}

    events: list[Event] = [
        Received("A", lamp, 12),
        Received("A", cable, 45),
        Received("B", hook, 8),
        Received("A", tank, 9),
        Moved("A", "B", Sku("C-9")),
        Received("A", tank, 9),
        Moved("B", "A", Sku("X-0")),
        Received("A", lamp, 3),
    ]
    for event in events:
        try:
            print(" ", event.apply(shelves))
        except (OverflowError, LookupError) as error:
            error.add_note(f"while handling {event}")
            print("  refused:", error, *error.__notes__, sep=" | ")

    for label, shelf in shelves.items():
        print(f"shelf {label}: {len(shelf)} pieces worth {value(shelf.stock.items())}")
        for mode in Mode:
            print(f"  {mode:5}", rows(shelf, mode))

    print("order:", [item.sku for item in sorted([tank, hook, lamp, cable])])
    dearer = dataclasses.replace(lamp, price=lamp.price * 2)
    print("replaced:", dearer, "equal by sku:", dearer == lamp, hash(dearer) == hash(lamp))
    print("as dict:", dataclasses.asdict(hook))
    for attempt in ("frozen", "negative", "abstract"):
        try:
            if attempt == "frozen":
                lamp.price = Decimal(1)  # type: ignore[misc]
            elif attempt == "negative":
                dataclasses.replace(lamp, price=Decimal(-1))
            else:
                Event()  # type: ignore[abstract]
        except (AttributeError, ValueError, TypeError) as error:
            print(f"{attempt}: {type(error).__name__}: {error}")

    things = [cable, tank, lamp, Size(2, 3), {"kind": "parcel", "to": "Ada"}, [1, 2, 3], None, 7.5]
    print("described:", *map(describe, things), sep="\n  ")
    print("protocol:", isinstance(lamp, Priced), isinstance(Size(1), Priced))
    print("hints:", sorted(get_type_hints(Moved)), get_args(Literal["a", "b"]))
    print("generic:", Shelf[Item], Shelf.__type_params__, Shelf.count, Predicate.__value__)
    print("fields:", [f.name for f in dataclasses.fields(Shelf)], Item.__slots__)
    print("flags:", list(lamp.hazard), Hazard.HOT in lamp.hazard, ~lamp.hazard, Size(1).fits(Size(2)))


if __name__ == "__main__":
    main()
