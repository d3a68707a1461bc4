"""What the guest does for matplotlib before the snapshot."""

import io

import matplotlib.pyplot as plt
from matplotlib import font_manager, mathtext, textpath


def warm() -> None:
    """Draw what most programs draw, once in each format."""
    plt.switch_backend("agg")
    for kind in ("png", "svg", "pdf"):
        figure, axes = plt.subplots()
        axes.plot([1, 2, 3], [1, 4, 9], label="a")
        axes.legend(), axes.set_title("title")
        figure.savefig(io.BytesIO(), format=kind)
        plt.close(figure)


def settle() -> None:
    """Forget open files: no descriptor outlives the snapshot."""
    font_manager._get_font.cache_clear()
    mathtext.MathTextParser._parse_cached.cache_clear()
    textpath.text_to_path.__dict__.clear()
    textpath.text_to_path.__init__()
