"""What the guest does for numpy before the snapshot."""

from typing import NoReturn

import numpy
from _ophidia import _host


def warm() -> None:
    """Do some of what programs do first."""
    numbers = numpy.arange(10)
    numbers.sum(), numbers.mean(), numbers.max(), numbers[2:].copy(), numbers.tolist()
    floats = numpy.array([[1.0, 2.0], [3.0, 4.0]])
    (floats.T * 2.0 + floats).reshape(-1)[0].item()
    numpy.zeros((2, 3)).shape, numpy.ones(3).dtype, numpy.linspace(0.0, 1.0, 3)


def settle() -> None:
    """Refuse what the sandbox cannot do, by a reason."""

    def refused(*args: object, **kwargs: object) -> NoReturn:
        raise NotImplementedError(
            "numpy.memmap: files cannot be mapped into memory in the sandbox: read them with numpy.fromfile, "
            "or with numpy.load without mmap_mode"
        )

    numpy.memmap.__new__ = staticmethod(refused)
    # Arrays of objects may lie in one another as deep as a program likes.
    _host.count_depth([numpy.ndarray])


def static() -> list[object]:
    """The dtypes that exist once, in static memory: nothing else leads there from Python."""
    return [numpy.dtype(code) for code in numpy.typecodes["All"]]
