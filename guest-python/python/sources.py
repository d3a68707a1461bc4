"""Source text that no file has, for the lines of tracebacks.

There is room for so much of it: the oldest goes first.
"""

import linecache
from collections import deque
from types import CodeType

from _ophidia import _host

_MOST = 4 << 20  # characters of source text
_CODES = 4096  # code objects that know where theirs is

_order: deque[tuple[tuple, list]] = deque()
_held = 0
_known = 0
_getlines = linecache._getlines_from_code


def register(code: CodeType, source: str | bytes) -> None:
    """Note what a code object, and all that is defined in it, was compiled from."""
    _take_recent()  # which is older
    _note(code, source)


def _take_recent() -> None:
    for recent, source in _host.take_sources():
        _note(recent, source)


def _note(code: CodeType, source: str | bytes) -> None:
    global _held, _known
    text = source if isinstance(source, str) else source.decode("utf-8", "replace")
    # As linecache._register_code has it, which keeps everything.
    lines = [line + "\n" for line in text.splitlines()]
    entry = (len(text), None, lines, code.co_filename)
    keys = []
    left = [code]
    while left:
        one = left.pop()
        left += [const for const in one.co_consts if isinstance(const, CodeType)]
        keys.append(linecache._make_key(one))
        linecache._interactive_cache[keys[-1]] = entry
    _order.append((entry, keys))
    _held += len(text)
    _known += len(keys)
    while (_held > _MOST or _known > _CODES) and len(_order) > 1:
        _forget_oldest()


def _forget_oldest() -> None:
    global _held, _known
    entry, keys = _order.popleft()
    _held -= entry[0]
    _known -= len(keys)
    for key in keys:
        if linecache._interactive_cache.get(key) is entry:
            del linecache._interactive_cache[key]


def _getlines_from_code(code: CodeType) -> list[str]:
    _take_recent()
    return _getlines(code)


def install() -> None:
    """Let linecache, and so traceback and inspect, find what runs at the moment."""
    linecache._getlines_from_code = _getlines_from_code
