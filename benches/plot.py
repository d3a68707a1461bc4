"""Pictures of what benches print, as SVG. Needs matplotlib.

cargo bench --bench many -- --soak 200000 | python3 benches/plot.py soak > docs/src/soak.svg
cargo bench --bench sleep -- --wakes 100000 | python3 benches/plot.py wakes > docs/src/wakes.svg
cargo bench --bench tasklets -- --growth | python3 benches/plot.py growth > docs/src/growth.svg
"""

import csv
import io
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "ophidia"
from matplotlib import pyplot  # noqa: E402


def soak(rows: list[dict[str, float]], what: str = "interpreters started, run and dropped") -> pyplot.Figure:
    """Memory and descriptors after so many interpreters."""
    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(7, 4), height_ratios=(2, 1))
    started = [row["started"] for row in rows]
    above.plot(started, [row["resident_kib"] / 1024 for row in rows], label="resident")
    above.plot(started, [row["private_kib"] / 1024 for row in rows], label="private, dirty")
    above.set_ylabel("MiB")
    above.set_ylim(bottom=0)
    above.legend(loc="lower right")
    below.plot(started, [row["descriptors"] for row in rows], color="tab:green")
    below.set_ylabel("descriptors")
    below.set_ylim(bottom=0)
    below.set_xlabel(what)
    return figure


def wakes(rows: list[dict[str, float]]) -> pyplot.Figure:
    """The same after so many requests to sessions that sleep in between."""
    return soak(rows, "requests to sessions that sleep in between")


def growth(rows: list[dict[str, float]]) -> pyplot.Figure:
    """Seconds for so many tasklets."""
    figure, axes = pyplot.subplots(figsize=(7, 3.5))
    count = [row["tasklets"] for row in rows]
    axes.loglog(count, [row["answered_s"] for row in rows], "o-", label="spawned, each answers")
    axes.loglog(count, [row["alive_s"] for row in rows], "s-", label="all alive at once, then each answers")
    axes.loglog(count, [number * 1e-6 for number in count], ":", color="grey", label="1 µs each")
    axes.set_xlabel("tasklets")
    axes.set_ylabel("seconds")
    axes.legend()
    return figure


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in ("soak", "wakes", "growth"):
        raise SystemExit(__doc__)
    lines = csv.DictReader(line for line in sys.stdin if "," in line)
    rows = [{name: float(value) for name, value in row.items()} for row in lines]
    figure = {"soak": soak, "wakes": wakes, "growth": growth}[sys.argv[1]](rows)
    figure.tight_layout()
    picture = io.StringIO()
    figure.savefig(picture, format="svg", metadata={"Date": None, "Creator": None})
    sys.stdout.write(picture.getvalue())


if __name__ == "__main__":
    main()
