"""What is timed of pandas and matplotlib, in the guest and natively alike."""

import io
import sys
import time
from collections.abc import Callable

import matplotlib
import numpy as np

matplotlib.use("agg")
import matplotlib.pyplot as plt
import pandas as pd

random = np.random.default_rng(1)
ROWS = 200_000
frame = pd.DataFrame(
    {
        "key": random.integers(0, 500, ROWS),
        "value": random.random(ROWS),
        "amount": random.integers(0, 1_000_000, ROWS),
    }
)
names = pd.DataFrame({"key": np.arange(500), "name": [f"name {i}" for i in range(500)]})
lines = ["a,b,c,d"] + [f"{i},{i * 0.37:.4f},word{i % 97},{i % 2}" for i in range(400_000)]
csv = "\n".join(lines)[: 10 << 20]
x = np.linspace(0.0, 10.0, 200)


def plot() -> None:
    figure, axes = plt.subplots()
    axes.plot(x, np.sin(x), label="sine")
    axes.scatter(x[::10], np.cos(x[::10]))
    axes.set_title("title")
    axes.legend()
    figure.savefig(io.BytesIO(), format="png")
    plt.close(figure)


# Each with the number of rounds that one timing takes.
CASES: dict[str, tuple[int, Callable[[], object]]] = {
    "groupby": (5, lambda: frame.groupby("key").value.sum()),
    "merge": (2, lambda: frame.merge(names, on="key")),
    "sort": (2, lambda: frame.sort_values("amount")),
    "read_csv_10mb": (1, lambda: pd.read_csv(io.StringIO(csv))),
    "plot_png": (1, plot),
}


def seconds(name: str) -> float:
    """How long one round of a case takes."""
    rounds, run = CASES[name]
    start = time.perf_counter()
    for _ in range(rounds):
        run()
    return (time.perf_counter() - start) / rounds


if sys.platform != "wasi":
    # Natively: a line with the name of a case comes in, a line with seconds goes out.
    for line in sys.stdin:
        print(seconds(line.strip()), flush=True)
