"""A lending library in sqlite3: constraints, transactions, window functions, backup, full use.

Two databases: one in memory, and one file in the folder given, which must be writable:
    ophidia run --dir /tmp/books:rw examples/library_db.py /tmp/books
"""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path

SCHEMA = """
CREATE TABLE book (
    id     INTEGER PRIMARY KEY,
    title  TEXT NOT NULL UNIQUE,
    author TEXT NOT NULL,
    year   INTEGER CHECK (year BETWEEN 1400 AND 2100)
);
CREATE TABLE reader (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE loan (
    book     INTEGER NOT NULL REFERENCES book (id),
    reader   INTEGER NOT NULL REFERENCES reader (id),
    out_on   DATE NOT NULL,
    due_on   DATE NOT NULL,
    back_on  DATE
);
CREATE UNIQUE INDEX one_loan_a_book ON loan (book) WHERE back_on IS NULL;
CREATE VIEW overdue AS
    SELECT reader.name, book.title, loan.due_on
    FROM loan JOIN book ON book.id = loan.book JOIN reader ON reader.id = loan.reader
    WHERE loan.back_on IS NULL;
"""
BOOKS = [
    ("Middlemarch", "Eliot", 1871),
    ("Emma", "Austen", 1815),
    ("Persuasion", "Austen", 1817),
    ("Der Zauberberg", "Mann", 1924),
    ("Anna Karenina", "Толстой", 1878),
    ("Buddenbrooks", "Mann", 1901),
]


@contextmanager
def refused(what: str) -> Iterator[None]:
    """Expect the database to refuse, and print how it says so."""
    try:
        yield
    except sqlite3.Error as error:
        print(f"refused: {what}: {type(error).__name__}: {error}")
    else:
        print(f"NOT refused: {what}")


class LongestTitle:
    """An aggregate function written in Python."""

    def __init__(self) -> None:
        self.title = ""

    def step(self, title: str) -> None:
        self.title = max(self.title, title, key=lambda text: (len(text), text))

    def finalize(self) -> str:
        return self.title


def open_library(path: Path | str) -> sqlite3.Connection:
    library = sqlite3.connect(path, autocommit=True)
    library.row_factory = sqlite3.Row
    library.execute("PRAGMA foreign_keys = ON")
    library.autocommit = False
    library.create_function("surname_first", 1, lambda name: ", ".join(name.split()[::-1]))
    library.create_aggregate("longest", 1, LongestTitle)
    library.create_collation("by_length", lambda a, b: len(a) - len(b))
    return library


def lend(library: sqlite3.Connection, title: str, reader: str, day: date) -> None:
    with library:
        library.execute(
            """INSERT INTO loan (book, reader, out_on, due_on)
               SELECT book.id, reader.id, :day, :due FROM book, reader
               WHERE title = :title AND name = :reader""",
            {"title": title, "reader": reader, "day": day, "due": day + timedelta(weeks=3)},
        )


def fill(library: sqlite3.Connection) -> None:
    library.executescript(SCHEMA)
    with library:
        library.executemany("INSERT INTO book (title, author, year) VALUES (?, ?, ?)", BOOKS)
        names = [("Ada Lovelace",), ("Grace Hopper",), ("Émilie du Châtelet",)]
        library.executemany("INSERT INTO reader (name) VALUES (?)", names)
    start = date(2025, 1, 6)
    lend(library, "Emma", "Ada Lovelace", start)
    lend(library, "Buddenbrooks", "Grace Hopper", start + timedelta(days=2))
    lend(library, "Middlemarch", "Ada Lovelace", start + timedelta(days=9))
    with library:
        library.execute("UPDATE loan SET back_on = ? WHERE book = 2", (start + timedelta(days=30),))
    lend(library, "Emma", "Émilie du Châtelet", start + timedelta(days=31))


def try_what_is_forbidden(library: sqlite3.Connection) -> None:
    with refused("the same book twice"):
        lend(library, "Emma", "Grace Hopper", date(2025, 3, 1))
    with refused("a book from the future"), library:
        library.execute("INSERT INTO book (title, author, year) VALUES ('X', 'Y', 3000)")
    with refused("a loan to nobody"), library:
        library.execute("INSERT INTO loan VALUES (4, 99, '2025-01-01', '2025-01-02', NULL)")
    with refused("a typing error"):
        library.execute("SELEKT 1")
    with refused("half a transfer"), library:
        library.execute("UPDATE loan SET reader = 2")
        library.execute("INSERT INTO reader (id, name) VALUES (1, 'twice')")
    library.rollback()


def report(library: sqlite3.Connection) -> None:
    for row in library.execute("SELECT * FROM overdue WHERE due_on < ? ORDER BY 3", ("2025-02-01",)):
        print("overdue:", dict(row))
    ranks = library.execute(
        """SELECT author, title, rank() OVER (PARTITION BY author ORDER BY year) AS nth,
                  sum(year) OVER (ORDER BY year ROWS 1 PRECEDING) AS pair
           FROM book ORDER BY author COLLATE NOCASE, nth"""
    )
    for author, title, nth, pair in ranks:
        print(f"  {author:8} {nth} {title:15} {pair}")
    decades = library.execute(
        """WITH RECURSIVE decade (start) AS (
               SELECT 1810 UNION ALL SELECT start + 20 FROM decade WHERE start < 1910)
           SELECT start, count(book.id) FROM decade
           LEFT JOIN book ON year BETWEEN start AND start + 19 GROUP BY start"""
    )
    print("  by score of years:", dict(map(tuple, decades)))
    (longest, shortest) = library.execute(
        "SELECT longest(title), (SELECT title FROM book ORDER BY title COLLATE by_length) FROM book"
    ).fetchone()
    print(f"  longest title {longest!r}, shortest {shortest!r}")
    names = library.execute("SELECT surname_first(name) FROM reader ORDER BY id")
    print("  readers:", "; ".join(name for (name,) in names))
    (as_json,) = library.execute("SELECT json_group_array(title) FROM book WHERE id < 3").fetchone()
    print("  json:", as_json)


def main(folder: Path) -> None:
    path = folder / "library.db"
    with closing(open_library(path)) as library:
        fill(library)
        try_what_is_forbidden(library)
        report(library)
    print("on disk:", sorted(item.name for item in folder.iterdir()), path.read_bytes()[:15])

    with closing(open_library(path)) as stored, closing(open_library(":memory:")) as copy:
        stored.backup(copy)
        with copy:
            copy.execute("DELETE FROM loan")
        counts = [base.execute("SELECT count(*) FROM loan").fetchone()[0] for base in (stored, copy)]
        print("loans in the file and in the emptied copy:", counts)
        print("integrity:", stored.execute("PRAGMA integrity_check").fetchone()[0])
        dump = [line for line in copy.iterdump() if "INSERT" in line and "book" in line]
        print(*dump[:2], sep="\n")
    path.unlink()


if __name__ == "__main__":
    sqlite3.register_adapter(date, date.isoformat)
    if len(sys.argv) != 2:
        sys.exit("usage: library_db.py FOLDER")
    main(Path(sys.argv[1]))
