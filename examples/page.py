"""Render a shop's product page from a jinja2 template: inheritance, macros, filters, escaping.

Needs jinja2 (see requirements.txt):  ophidia run --site site examples/page.py
"""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


@dataclass(frozen=True)
class Product:
    name: str
    price: Decimal
    stock: int
    tags: tuple[str, ...] = ()

    @property
    def in_stock(self) -> bool:
        return self.stock > 0


PRODUCTS = [
    Product("Terrarium, 120 cm", Decimal("189.00"), 4, ("glass", "large")),
    Product("Heat lamp <75 W>", Decimal("24.90"), 0, ("electric",)),
    Product("Snake hook", Decimal("17.50"), 31),
    Product('Book: "Pythons & Boas"', Decimal("39.95"), 12, ("paper", "gift")),
    Product("Hygrometer", Decimal("12.25"), 7, ("electric", "gift")),
]


def money(amount: Decimal) -> str:
    """Write an amount as a European shop would: 1.234,50 €."""
    return f"{amount:,.2f} €".translate(str.maketrans(",.", ".,"))


def main() -> None:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["money"] = money
    environment.tests["scarce"] = lambda product: 0 < product.stock < 5
    page = environment.get_template("shop.html").render(
        title="Scales & Tails",
        products=sorted(PRODUCTS, key=lambda product: product.name.casefold()),
        total=sum(product.price * product.stock for product in PRODUCTS),
        notes=["<script>alert('no')</script>", "Closed on Sundays."],
    )
    print(page)


if __name__ == "__main__":
    main()
