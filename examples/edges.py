"""Find the edges in a picture: smooth it, take its slopes in both directions, keep where they are steep.

ophidia run examples/edges.py
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

SHADES = np.array(list(" .:-=+*#%@"))
SMOOTH = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]])
SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])


def scene(height: int, width: int, seed: int) -> np.ndarray:
    """A picture in 256 shades of grey: a ball and a box before a wall that gets lighter, and some noise."""
    y, x = np.mgrid[:height, :width]
    picture = 40 + 60 * x // width
    picture[(y > 16) & (y < 27) & (x > 6) & (x < 28)] = 200
    # A character is about twice as high as it is wide.
    distance = (2 * (y - height // 2)) ** 2 + (x - 50) ** 2
    picture = np.where(distance < 324, 255 - distance // 4, picture)
    noise = np.random.default_rng(seed).integers(-12, 13, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def filtered(picture: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Each pixel and its neighbours, weighted and added up. At the border, pixels are their own neighbours."""
    padded = np.pad(picture.astype(np.int32), 1, mode="edge")
    windows = sliding_window_view(padded, kernel.shape)  # a view: nothing is copied nine times
    return np.einsum("yxij,ij->yx", windows, kernel)


def edges(picture: np.ndarray) -> np.ndarray:
    smooth = filtered(picture, SMOOTH) // SMOOTH.sum()
    return np.hypot(filtered(smooth, SOBEL), filtered(smooth, SOBEL.T))


def show(title: str, picture: np.ndarray) -> None:
    print(f"{title}: {picture.min():.0f} to {picture.max():.0f}, {picture.mean():.3f} on average")
    shade = picture.astype(np.int32) * (len(SHADES) - 1) // int(picture.max())
    print("\n".join(("  " + "".join(line)).rstrip() for line in SHADES[shade]))


def main() -> None:
    picture = scene(32, 76, seed=1)
    show("the scene", picture)
    steep = edges(picture)
    show("its edges", np.where(steep > 120, steep, 0))


if __name__ == "__main__":
    main()
