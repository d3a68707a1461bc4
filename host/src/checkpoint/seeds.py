import sys

RANDOM, NUMPY, TEMPFILE = 1, 2, 4


def generators():
    """Global generators by what they are renewed as, each with where its state lies in memory."""
    random = getattr(sys.modules.get("random"), "_inst", None)
    if random is not None:
        yield RANDOM, random
    numpy = getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None)
    if numpy is not None:
        yield NUMPY, numpy._bit_generator


def watched():
    """What the host looks at to know whether a generator has drawn, and what has for sure."""
    names = getattr(sys.modules.get("tempfile"), "_name_sequence", None)
    drawn = 0 if names is None else TEMPFILE
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
