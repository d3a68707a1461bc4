import sys

RANDOM, NUMPY, TEMPFILE = 1, 2, 4


def generators():
    """Global generators by what they are renewed as, each with where its state lies in memory."""
    random = sys.modules.get("random")
    if random is not None:
        yield RANDOM, random._inst
    numpy = sys.modules.get("numpy.random.mtrand")
    if numpy is not None:
        yield NUMPY, numpy._rand._bit_generator


def watched():
    """What the host looks at to know whether a generator has drawn, and what has for sure."""
    tempfile = sys.modules.get("tempfile")
    drawn = TEMPFILE if tempfile is not None and tempfile._name_sequence is not None else 0
    return [(kind, id(it), type(it).__basicsize__) for kind, it in generators()], drawn


def seeds(drawn):
    """Renew these; or, of none, tell what can be."""
    if not drawn:
        return watched()
    if drawn & RANDOM:
        sys.modules["random"].seed()
    if drawn & NUMPY:
        sys.modules["numpy.random.mtrand"].seed()
    if drawn & TEMPFILE:
        sys.modules["tempfile"]._name_sequence = None
