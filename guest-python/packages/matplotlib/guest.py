"""What the guest does for matplotlib before the snapshot."""

import io

import matplotlib.pyplot as plt


def warm() -> None:
    """Draw what most programs draw, once in each format."""
    plt.switch_backend("module://matplotlib.backends.backend_host")
    for kind in ("png", "svg", "pdf"):
        figure, axes = plt.subplots()
        axes.plot([1, 2, 3], [1, 4, 9], label="a")
        axes.legend(), axes.set_title("title")
        figure.savefig(io.BytesIO(), format=kind)
        plt.close(figure)
