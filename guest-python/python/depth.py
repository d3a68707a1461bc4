"""Classes of iterators, which may lie in one another as deep as a program likes: CPython does not count it."""

import itertools

from _ophidia import _host


def _iterators() -> list[type]:
    own = [filter, map, zip, enumerate, reversed]
    names = (
        "accumulate batched chain combinations compress cycle dropwhile filterfalse groupby islice pairwise "
        "permutations product repeat starmap takewhile zip_longest _grouper _tee"
    )
    own += [getattr(itertools, name) for name in names.split()]
    own += [type(iter(value)) for value in ([], (), {}, set(), {}.values(), {}.items())]
    own += [type(iter(int, 1)), type(reversed([])), type(reversed({}))]
    return own


def install() -> None:
    """Let them count as recursion."""
    _host.count_depth(list(dict.fromkeys(_iterators())))
