"""Pages from a small template language: string methods, formatting, joins, escaping."""

from html import escape
from string import Template

N = 160
EXPECTED = 1_654_370

PAGE = "<h1>%d</h1>\n<table>\n%s\n</table>\n<pre>%s</pre>"
ROW = Template("  <tr class='$kind'><td>$name</td><td>$price</td><td>${stock}x</td></tr>")


def row(number):
    kind = "odd" if number % 2 else "even"
    name = escape(f'Item <{number}> & "more"')
    return ROW.substitute(kind=kind, name=name, price=f"{number * 1.25:,.2f}", stock=number % 17)


def wrap(text, width):
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) + 1 > width:
            lines.append(line.ljust(width, "."))
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])


def main(n):
    characters = 0
    for page in range(n):
        rows = "\n".join(row(number) for number in range(page, page + 100))
        prose = " ".join(f"{w:>{w % 5}}{'abc' * (w % 3)}".title().swapcase() for w in range(200))
        body = PAGE % (page, rows, wrap(prose, 60))
        body = body.replace("&quot;", '"').strip().expandtabs()
        characters += len(body.encode("utf-8")) + body.count("odd") - body.find("<table>")
    return characters
