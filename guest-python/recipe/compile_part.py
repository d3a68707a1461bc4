"""Compiles every Nth file of a folder of the guest's library to bytecode, in a fixed order.

`marshal` marks an object as one that may be referred to later when it has more than one owner, and
what else is alive in the process counts as an owner. So the marks that nothing refers to are taken
away again: then the same source gives the same bytes, whatever was compiled before it.

usage: compile_part.py FOLDER PATH_IN_THE_GUEST PART PARTS
"""

import importlib.util
import marshal
import pathlib
import sys

REFERABLE = 0x80
HASHED_NOT_CHECKED = 1  # PEP 552: the source's hash stands there and is not compared

# Bytes that follow the type code, of types whose size is fixed.
FIXED = {b"0": 0, b"N": 0, b"F": 0, b"T": 0, b"S": 0, b".": 0, b"i": 4, b"g": 8, b"y": 16}
# Types with a 4-byte and with a 1-byte length, and what one item of them is.
BYTES, OBJECTS = "bytes", "objects"
LONG_LENGTH = {b"s": BYTES, b"t": BYTES, b"u": BYTES, b"a": BYTES, b"A": BYTES, b"(": OBJECTS,
               b"[": OBJECTS, b"<": OBJECTS, b">": OBJECTS}
SHORT_LENGTH = {b"z": BYTES, b"Z": BYTES, b")": OBJECTS}


class Marks:
    """Where a marshalled object marks objects as referable, and where it refers to them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.marks: list[int] = []
        self.references: list[int] = []
        self.read()
        assert self.at == len(data), f"{len(data) - self.at} bytes left over"

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int = 4) -> int:
        return int.from_bytes(self.take(size), "little")

    def read(self) -> bytes:
        start = self.at
        (code,) = self.take(1)
        kind = bytes([code & ~REFERABLE])
        if code & REFERABLE:
            self.marks.append(start)
        if kind in FIXED:
            self.take(FIXED[kind])
        elif kind in LONG_LENGTH:
            self.items(LONG_LENGTH[kind], self.number())
        elif kind in SHORT_LENGTH:
            self.items(SHORT_LENGTH[kind], self.number(1))
        elif kind == b"l":  # the sign of the length is the integer's
            self.take(2 * abs(int.from_bytes(self.take(4), "little", signed=True)))
        elif kind == b"{":
            while self.read() != b"0":
                self.read()
        elif kind == b"c":  # five numbers, eight objects, the first line, two objects
            self.take(5 * 4)
            self.items(OBJECTS, 8)
            self.take(4)
            self.items(OBJECTS, 2)
        elif kind == b"r":
            self.references.append(self.at)
            self.take(4)
        else:
            raise ValueError(f"unknown type code {kind!r} at {start}")
        return kind

    def items(self, what: str, count: int) -> None:
        if what is BYTES:
            self.take(count)
        else:
            for _ in range(count):
                self.read()


def canonical(data: bytes) -> bytes:
    marks = Marks(data)
    out = bytearray(data)
    numbers = [int.from_bytes(data[at : at + 4], "little") for at in marks.references]
    used = {number: i for i, number in enumerate(sorted(set(numbers)))}
    for number, at in enumerate(marks.marks):
        if number not in used:
            out[at] &= ~REFERABLE
    for number, at in zip(numbers, marks.references):
        out[at : at + 4] = used[number].to_bytes(4, "little")
    return bytes(out)


def compile_file(path: pathlib.Path, name: str) -> None:
    source = path.read_bytes()
    data = canonical(marshal.dumps(compile(source, name, "exec", dont_inherit=True)))
    target = pathlib.Path(importlib.util.cache_from_source(str(path)))
    target.parent.mkdir(exist_ok=True)
    flags = HASHED_NOT_CHECKED.to_bytes(4, "little")
    hash = importlib.util.source_hash(source)
    target.write_bytes(importlib.util.MAGIC_NUMBER + flags + hash + data)


def main(folder: str, guest: str, part: int, parts: int) -> None:
    root = pathlib.Path(folder)
    files = sorted(root.rglob("*.py"))
    for path in files[part::parts]:
        compile_file(path, f"{guest}/{path.relative_to(root).as_posix()}")
        print(path.name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
