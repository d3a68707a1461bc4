"""Code of the program's own in the middle of what the bridge does.

What holds a value lets go of it, another message is sent, memory is asked for. It may be refused;
nothing breaks.
"""

import contextlib
import fractions
import pathlib
import uuid

from _ophidia import _tasklets as core

# Of each class what is asked of its instances where they are written, and how to make one.
CLASSES = {
    fractions.Fraction: ("_numerator", lambda: fractions.Fraction(1, 3)),
    uuid.UUID: ("int", lambda: uuid.UUID(int=7)),
    pathlib.PosixPath: ("__str__", lambda: pathlib.PosixPath("/a")),
}


@contextlib.contextmanager
def replaced(kind: type, name: str, other: object):
    """Gives a class something else of a name; what follows may be refused."""
    missing = object()
    before = kind.__dict__.get(name, missing)
    setattr(kind, name, other)
    try:
        yield
    except (AttributeError, TypeError, RuntimeError, SystemError, ValueError):
        pass
    finally:
        if before is missing:
            delattr(kind, name)
        else:
            setattr(kind, name, before)


def trap(kind: type, act, result: object):
    """Does something, and gives that, where an instance is asked for what is written."""

    def asked(self):
        act()
        return result

    name = CLASSES[kind][0]
    return replaced(kind, name, asked if name == "__str__" else property(asked))


WRAPS = (
    lambda value: [value, 1, 2],
    lambda value: {1: value},
    lambda value: {value: 1},
    lambda value: {value, 2},
)

for kind, (_, make) in CLASSES.items():
    for result in (None, "\udc80", 5):
        for wrap in WRAPS:
            # The only reference is the container's.
            container = wrap(make())
            with trap(kind, container.clear, result):
                echo(container)
            assert not container, container

# A message to another interpreter, large and small, while a value is written.
core.set_domain(7)
far = core.make_pid(9, 0, 1)
for kind, (_, make) in CLASSES.items():
    for message in (b"", b"x" * 100, b"x" * (1 << 19)):
        for use in (lambda value: echo([0, value, 1, 2.5, "text"]), lambda value: core.post(far, [value, 1])):
            value = make()
            with trap(kind, lambda message=message: core.post(far, message), 5):
                use(value)
            core.gone()

# Another room while what has come is read.
for size in (10, 1 << 19):
    core.post(far, [pathlib.PosixPath("/a"), b"x" * 100, "behind"])
    core.post(far, "next")
    at, length = core.outgoing()
    carry(at, length, core.room(length))
    core.gone()
    before = pathlib.PosixPath.__init__

    def init(self, *parts, size=size, before=before):
        core.room(size)
        before(self, *parts)

    with replaced(pathlib.PosixPath, "__init__", init):
        told = core.deliver(length)
    assert told[0] == 2, told  # by the in-guest package, which is sent nothing of that kind
core.set_domain(0)


class Parting(list):
    """Says that it goes, after it was written and before it is read."""

    def __del__(self):
        core.set_domain(7)
        core.post(far, b"x" * (1 << 19))
        core.gone()
        core.set_domain(0)
