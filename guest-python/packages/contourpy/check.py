"""Lines and filled areas of a grid, each algorithm, and mistakes."""

import contourpy
import numpy

x = numpy.linspace(-2.0, 2.0, 41)
grid = numpy.exp(-(x[:, None] ** 2) - x[None, :] ** 2)
for name in ("serial", "threaded", "mpl2005", "mpl2014"):
    made = contourpy.contour_generator(x, x, grid, name=name)
    lines = made.lines(0.5)
    points = numpy.concatenate(lines if isinstance(lines, list) else lines[0])
    radius = numpy.hypot(points[:, 0], points[:, 1])
    assert abs(radius - numpy.log(2) ** 0.5).max() < 0.01, name
    assert len(made.filled(0.2, 0.6)[0]) >= 1
for wrong in (lambda: contourpy.contour_generator(z=[[1.0, 2.0]]), lambda: made.filled(2.0, 1.0)):
    try:
        wrong()
    except (TypeError, ValueError):
        continue
    raise AssertionError("not refused")
