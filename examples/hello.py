"""Say which Python runs here, and show that it is a real one."""

import hashlib
import json
import platform
import sqlite3
import sys
from fractions import Fraction
from statistics import mean


def main() -> None:
    version = platform.python_version()
    print(f"Hello from {platform.python_implementation()} {version} on {sys.platform}.")

    harmonic = sum(Fraction(1, n) for n in range(1, 21))
    print(f"1 + 1/2 + ... + 1/20 = {harmonic}")

    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE snakes (name TEXT, metres REAL)")
        snakes = [("reticulated python", 6.5), ("king cobra", 3.7), ("adder", 0.6)]
        database.executemany("INSERT INTO snakes VALUES (?, ?)", snakes)
        longest = database.execute("SELECT name FROM snakes ORDER BY metres DESC").fetchone()[0]
    print(json.dumps({"longest": longest, "mean": round(mean(m for _, m in snakes), 2)}))

    print("sha256 of nothing:", hashlib.sha256().hexdigest()[:16])

    try:
        open("/etc/passwd").close()
        print("This Python can read /etc/passwd: it is not in a sandbox.")
    except OSError as error:
        print(f"/etc/passwd is out of reach: {error.strerror}.")


if __name__ == "__main__":
    main()
