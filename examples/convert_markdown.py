"""Turn Markdown into HTML with a table of contents, and list its links and its longest words.

Needs mistune (see requirements.txt):
    ophidia run --site site examples/convert_markdown.py [FILE.md]      (default: data/guide.md)
"""

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import mistune
from mistune.toc import add_toc_hook, render_toc_ul


class LinkCollector(mistune.HTMLRenderer):
    """Render HTML and keep every link target that was seen."""

    def __init__(self) -> None:
        super().__init__(escape=True)
        self.links: list[tuple[str, str]] = []

    def link(self, text: str, url: str, title: str | None = None) -> str:
        self.links.append((text, url))
        return super().link(text, url, title)

    def block_code(self, code: str, info: str | None = None) -> str:
        lines = code.rstrip("\n").count("\n") + 1
        return f"<!-- {info or 'text'}, {lines} lines -->\n{super().block_code(code, info)}"


def convert(text: str) -> tuple[str, str, list[tuple[str, str]]]:
    """Return the page, its table of contents and its links."""
    renderer = LinkCollector()
    plugins = ["table", "footnotes", "strikethrough", "task_lists", "def_list"]
    markdown = mistune.create_markdown(renderer=renderer, plugins=plugins)
    add_toc_hook(markdown, heading_id=lambda token, index: slug(token["text"], index))
    html, state = markdown.parse(text)
    toc_items: list[Any] = state.env["toc_items"]
    assert isinstance(html, str)
    return html, render_toc_ul(toc_items), renderer.links


def slug(title: str, index: int) -> str:
    words = re.findall(r"\w+", title.lower())
    return "-".join(words) or f"section-{index}"


def main() -> None:
    default = Path(__file__).parent / "data" / "guide.md"
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    text = source.read_text(encoding="utf-8")
    html, toc, links = convert(text)
    print(f"<!-- {source.name}: {len(text)} characters in, {len(html)} out -->")
    print(f"<nav>\n{toc.strip()}\n</nav>\n")
    print(html)
    print("<!-- links")
    for name, url in links:
        print(f"  {name:24} {url}")
    words = Counter(re.findall(r"[^\W\d_]{6,}", text.lower()))
    print("  words", *(f"{word}={count}" for word, count in words.most_common(5)))
    print("-->")


if __name__ == "__main__":
    main()
