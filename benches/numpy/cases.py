"""What is timed of numpy, in the guest and natively alike."""

import sys
import time
from collections.abc import Callable

import numpy as np

random = np.random.default_rng(1)
floats = random.random(1_000_000)
more_floats = random.random(1_000_000)
integers = random.integers(-(2**31), 2**31, 1_000_000, dtype=np.int32)
square = random.random((512, 512))
small_square = random.random((128, 128))
signal = random.random(2**16)

# Each with the number of rounds that one timing takes.
CASES: dict[str, tuple[int, Callable[[], object]]] = {
    "add": (5, lambda: floats + more_floats),
    "sum": (20, lambda: floats.sum()),
    "exp": (3, lambda: np.exp(floats)),
    "sort_f64": (1, lambda: np.sort(floats)),
    "sort_i32": (1, lambda: np.sort(integers)),
    "matmul_512": (1, lambda: square @ square),
    "svd_128": (1, lambda: np.linalg.svd(small_square)),
    "fft_65536": (5, lambda: np.fft.fft(signal)),
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
