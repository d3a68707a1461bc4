"""Read a CSV of sales, set bad rows aside, and print a report with statistics, then as JSON.

ophidia run examples/sales_report.py [FILE.csv]      (default: data/sales.csv)
"""

import csv
import json
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Sale:
    day: date
    region: str
    product: str
    quantity: int
    unit_price: Decimal
    customer: str

    @property
    def amount(self) -> Decimal:
        return (self.quantity * self.unit_price).quantize(CENT, rounding=ROUND_HALF_EVEN)


class BadRow(ValueError):
    """A row that cannot be a sale; the message names the field."""


def parse(row: dict[str, str]) -> Sale:
    try:
        quantity = int(row["quantity"])
    except ValueError as error:
        raise BadRow(f"quantity: {error}") from error
    if quantity <= 0:
        raise BadRow(f"quantity: {quantity} is not positive")
    try:
        price = Decimal(row["unit_price"])
    except InvalidOperation as error:
        raise BadRow(f"unit_price: {row['unit_price']!r} is not a number") from error
    try:
        day = date.fromisoformat(row["date"])
    except ValueError as error:
        raise BadRow(f"date: {error}") from error
    return Sale(day, row["region"], row["product"], quantity, price, row["customer"])


def read(path: Path) -> tuple[list[Sale], list[str]]:
    sales: list[Sale] = []
    rejected: list[str] = []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        for row in reader:
            try:
                sales.append(parse(row))
            except BadRow as error:
                rejected.append(f"line {reader.line_num}: {error}")
    return sales, rejected


def by(sales: Iterable[Sale], key: str) -> Iterator[tuple[str, list[Sale]]]:
    groups: defaultdict[str, list[Sale]] = defaultdict(list)
    for sale in sales:
        groups[str(getattr(sale, key))].append(sale)
    yield from sorted(groups.items())


def bar(part: Decimal, whole: Decimal, width: int = 24) -> str:
    filled = int(width * part / whole)
    return "█" * filled + "·" * (width - filled)


def trend(sales: list[Sale]) -> statistics.LinearRegression:
    first = min(sale.day for sale in sales)
    days = [float((sale.day - first).days) for sale in sales]
    return statistics.linear_regression(days, [float(sale.amount) for sale in sales])


def report(sales: list[Sale], rejected: list[str]) -> dict[str, object]:
    amounts = [sale.amount for sale in sales]
    total = sum(amounts, Decimal())
    print(f"{len(sales)} sales, {len(rejected)} rows rejected, {total:,.2f} in all")
    for line in rejected:
        print("  rejected", line)

    print("\nBy region")
    for region, group in by(sales, "region"):
        part = sum((sale.amount for sale in group), Decimal())
        print(f"  {region:6} {part:>10,.2f} {bar(part, total)} {part / total:6.1%}")

    print("\nBy product       pieces   median     mean   stdev")
    for product, group in by(sales, "product"):
        values = [float(sale.amount) for sale in group]
        pieces = sum(sale.quantity for sale in group)
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        print(
            f"  {product:15} {pieces:6} {statistics.median(values):8.2f}"
            f" {statistics.fmean(values):8.2f} {spread:7.2f}"
        )

    months = Counter[str]()
    for sale in sales:
        months[f"{sale.day:%Y-%m}"] += sale.quantity
    print("\nPieces a month:", ", ".join(f"{month} {n}" for month, n in sorted(months.items())))
    best = Counter(sale.customer for sale in sales).most_common(3)
    print("Best customers:", ", ".join(f"{name} ({n})" for name, n in best))
    quartiles = statistics.quantiles(amounts, n=4, method="inclusive")
    print("Quartiles:", ", ".join(f"{value:.2f}" for value in quartiles))
    line = trend(sales)
    print(f"Trend: {line.slope:+.4f} a day from {line.intercept:.2f}")
    weekdays = statistics.multimode(f"{sale.day:%A}" for sale in sales)
    print("Busiest:", *weekdays)
    return {
        "sales": len(sales),
        "rejected": rejected,
        "total": str(total),
        "quartiles": [str(value) for value in quartiles],
        "customers": {name: n for name, n in best},
    }


def main() -> None:
    default = Path(__file__).parent / "data" / "sales.csv"
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    summary = report(*read(path))
    print()
    json.dump(summary, sys.stdout, indent=2, ensure_ascii=False, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
