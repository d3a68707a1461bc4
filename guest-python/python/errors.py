"""Texts of exceptions. The host takes 64 KiB of each, so no more is made of what may be of any length."""

import traceback
from collections import deque
from collections.abc import Iterable
from types import TracebackType

_LIMIT = 64 << 10  # in bytes of UTF-8, as the host has it
_PART = 30 << 10  # what one part of a traceback may take
_CUT = "… [cut]"


def cut(text: str, most: int = _LIMIT) -> str:
    """The text, or its beginning and a mark, in characters. The host counts bytes, and may cut once more."""
    return text if len(text) <= most else text[: most - len(_CUT.encode())] + _CUT


def type_name(kind: type) -> str:
    """The qualified name, as tracebacks have it."""
    name = cut(kind.__qualname__)
    module = kind.__module__
    if module in ("builtins", "__main__") or not isinstance(module, str):
        return name
    return f"{cut(module)}.{name}"


_folder = __file__.removesuffix("errors.py")


def own_frames(exc: BaseException) -> TracebackType | None:
    """The traceback from the program's own first frame on."""
    skipped = exc.__traceback__
    while skipped is not None and skipped.tb_frame.f_code.co_filename.startswith(_folder):
        skipped = skipped.tb_next
    return skipped


def formatted(exc: BaseException, tb: TracebackType | None) -> str:
    """The traceback as python3 prints it; of what is too long the beginning and, with the message, the end."""
    # The limit of python3's own, which a program's sys.tracebacklimit sets otherwise.
    limit = traceback.BUILTIN_EXCEPTION_LIMIT
    shown = traceback.TracebackException(type(exc), exc, tb, limit=limit, compact=True)
    _shorten(shown)
    return _joined(shown.format())


def _shorten(shown: traceback.TracebackException) -> None:
    """Cuts what a traceback quotes before lines are made of it."""
    left = [shown]
    while left:
        one = left.pop()
        # Some are private names of the one CPython that this package is linked with.
        for name in ("_str", "exc_type_qualname", "exc_type_module", "msg", "text", "filename"):
            value = getattr(one, name, None)
            if isinstance(value, str):
                setattr(one, name, cut(value, _PART - 1024))
        if isinstance(one.__notes__, (list, tuple)):
            one.__notes__ = [cut(traceback._safe_string(note, "note"), _PART) for note in one.__notes__[:1000]]
        for i, frame in enumerate(one.stack):
            if len(frame._original_lines or "") + len(frame.filename) + len(frame.name) > _PART:
                one.stack[i] = traceback.FrameSummary(
                    cut(frame.filename, 1024),
                    frame.lineno,
                    cut(frame.name, 1024),
                    lookup_line=False,
                    line=cut(frame.line or "", 1024),
                )
        left += filter(None, (one.__cause__, one.__context__, *(one.exceptions or ())))


def _joined(parts: Iterable[str]) -> str:
    first: list[str] = []
    last: deque[tuple[str, int]] = deque()
    room, held, left_out = _LIMIT // 2, 0, 0
    for part in parts:
        size = _size(part)
        if size > _PART:
            part = cut(part.rstrip("\n"), _PART // 6) + "\n"  # a character may take six bytes
            size = _size(part)
        if not last and size <= room:
            first.append(part)
            room -= size
            continue
        last.append((part, size))
        held += size
        while held > _LIMIT // 2 - 100 and len(last) > 1:
            held -= last.popleft()[1]
            left_out += 1
    if left_out:
        first.append(f"  [cut: {left_out} parts of the traceback are left out]\n")
    return "".join(first) + "".join(part for part, _ in last)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "backslashreplace"))
