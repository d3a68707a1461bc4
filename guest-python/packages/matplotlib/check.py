"""Kinds of plots in each format, mathematics, and triangles."""

import io

import matplotlib.pyplot as plt
import numpy
from matplotlib.tri import Triangulation
from PIL import Image

x = numpy.linspace(0.0, 1.0, 30)
figure, axes = plt.subplots(2, 3, figsize=(6, 4), layout="constrained")
axes[0, 0].plot(x, x**2, label=r"$x^2 + \alpha$")
axes[0, 0].legend()
axes[0, 1].contourf(x, x, numpy.outer(x, x))
axes[0, 2].imshow(numpy.outer(x, x))
axes[1, 0].hist(numpy.sin(40 * x))
axes[1, 1].tricontour(Triangulation([0, 1, 0, 1], [0, 0, 1, 1]), [0, 1, 1, 0])
axes[1, 2].pie([1, 2, 3], labels=list("abc"), hatch=["/", "o", "x"])
made = {}
for kind in ("png", "svg", "pdf", "jpg", "ps"):
    data = io.BytesIO()
    figure.savefig(data, format=kind)
    made[kind] = data.getvalue()
plt.close(figure)
assert made["pdf"].startswith(b"%PDF") and b"<svg" in made["svg"] and made["ps"].startswith(b"%!PS")
pixels = numpy.asarray(Image.open(io.BytesIO(made["png"])).convert("L"))
assert pixels.shape == (400, 600) and 0.02 < (pixels < 128).mean() < 0.6
figure = plt.figure()
figure.add_subplot(projection="3d").plot_surface(*numpy.meshgrid(x, x), numpy.outer(x, x))
figure.savefig(io.BytesIO())
try:
    plt.figure().text(0, 0, r"$\no$").figure.savefig(io.BytesIO())
except ValueError as error:
    assert "no" in str(error)
else:
    raise AssertionError("an unknown symbol")
plt.close("all")
