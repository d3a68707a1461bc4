"""Record batches of Arrow: buffers laid out as Arrow's columnar format says, seen as Python's values.
Imported when asked for. Formats of columns are those of the Arrow C data interface."""

import sys
from collections.abc import Iterator
from types import ModuleType

from _ophidia.interop import numpy_if_there

_NUMBERS = "cCsSiIlLefg"
_UNITS = {"D": "D", "s": "s", "m": "ms", "u": "us", "n": "ns"}


class Table(dict):
    """Columns by their names."""

    metadata: dict[str, str] = {}


class Column:
    """Items of one type, some of which may be missing. `values` gives them as an array; an item is made
    when it is asked for, out of `buffers` and, where something is missing, the bits of `validity`."""

    __slots__ = ("buffers", "format", "length", "metadata", "nullable", "validity")

    def __init__(self, format, length, validity, buffers, nullable=True, metadata=None) -> None:
        self.format: str = format
        self.length: int = length
        self.validity: object = validity
        self.buffers: list = buffers
        self.nullable: bool = nullable
        self.metadata: dict[str, str] = metadata or {}

    def __len__(self) -> int:
        return self.length

    def __repr__(self) -> str:
        return f"<Column {self.format!r} of {self.length}>"

    def __iter__(self) -> Iterator[object]:
        if self._is_plain():
            return iter(memoryview(self.buffers[0]))
        return map(self.__getitem__, range(self.length))

    def __getitem__(self, index: int | slice) -> object:
        if isinstance(index, slice):
            return [self[at] for at in range(self.length)[index]]
        at = range(self.length)[index]
        if self.validity is not None and not _bit(self.validity, at):
            return None
        match self.format[0]:
            case "u" | "U" | "z" | "Z" as kind:
                offsets, data = self.buffers
                piece = bytes(memoryview(data)[offsets[at] : offsets[at + 1]])
                return piece.decode() if kind in "uU" else piece
            case "w":
                width = int(self.format[2:])
                return bytes(memoryview(self.buffers[0])[at * width : (at + 1) * width])
            case "b":
                return bool(_bit(self.buffers[0], at))
            case "n":
                return None
            case "t" if (numpy := numpy_if_there()) is not None:
                of = numpy.datetime64 if self._moment()[0] == "M" else numpy.timedelta64
                return of(int(self.buffers[0][at]), _UNITS[self.format[2]])
        return memoryview(self.buffers[0])[at]

    @property
    def values(self) -> object:
        """Numbers as an array of numpy that shares the memory, truth values, dates and times as one of
        their own; masked where something is missing. Texts, and without numpy all but numbers none of
        which is missing, are a list."""
        numpy = numpy_if_there()
        if numpy is None and self._is_plain():
            return memoryview(self.buffers[0])
        if numpy is None or self.format[0] not in _NUMBERS + "bt":
            return list(self)
        array = numpy.asarray(memoryview(self.buffers[0]))
        if self.format == "b":
            array = self._bits(numpy, array)
        elif self.format[0] == "t":
            array = array.astype("i8", copy=False).view(self._moment())
        if self.validity is None:
            return array
        return numpy.ma.MaskedArray(array, mask=~self._bits(numpy, self.validity))

    def __array__(self, dtype: object = None, copy: bool | None = None) -> object:
        if self.validity is not None:
            raise TypeError("a column of which something is missing: take its `values`, a masked array")
        numpy, values = numpy_if_there(), self.values
        if isinstance(values, list):
            return numpy.array(values, dtype or object)
        return numpy.array(values, dtype, copy=copy)

    def __buffer__(self, flags: int) -> memoryview:
        if not self._is_plain():
            raise TypeError("only a column of numbers of which none is missing has a buffer")
        return memoryview(self.buffers[0])

    def _is_plain(self) -> bool:
        return self.validity is None and self.format in _NUMBERS

    def _moment(self) -> str:
        """The dtype of dates and times."""
        kind = "M" if self.format[1] in "ds" else "m"
        return f"{kind}8[{_UNITS[self.format[2]]}]"

    def _bits(self, numpy: ModuleType, bits: object) -> object:
        bits = numpy.asarray(memoryview(bits))
        return numpy.unpackbits(bits, count=self.length, bitorder="little").view(bool)


def _bit(bits: object, at: int) -> int:
    return int(bits[at >> 3]) >> (at & 7) & 1


def table(columns: list[tuple], metadata: dict[str, str]) -> Table:
    """A table of columns: of each its name, and what a `Column` is made of."""
    made = Table((name, Column(*parts)) for name, *parts in columns)
    made.metadata = metadata
    return made


def columns(table: object) -> tuple[list[tuple], dict[str, str]]:
    """The columns of a table, or of a `DataFrame` of pandas, and what is noted of it. Of each column its name
    and how it lies in memory, or else its values and, for masked arrays, what of them is valid."""
    numpy = sys.modules.get("numpy")
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(table, pandas.DataFrame):
        from _ophidia import frames

        table = frames.columns(pandas, table)

    def parts(column: object) -> tuple:
        if numpy is not None and isinstance(column, numpy.ndarray) and column.dtype.kind in "mM":
            column = _of_moments(numpy, column)
        if isinstance(column, Column):
            validity = None if column.validity is None else memoryview(column.validity)
            buffers = [memoryview(buffer) for buffer in column.buffers]
            laid = (column.format, column.length, validity, buffers, column.nullable, column.metadata)
            return laid, None, None
        if numpy is not None and isinstance(column, numpy.ma.MaskedArray):
            return None, column.data, numpy.logical_not(numpy.ma.getmaskarray(column))
        return None, column, None

    metadata = table.metadata if isinstance(table, Table) else {}
    return [(name, *parts(column)) for name, column in table.items()], metadata


def _of_moments(numpy: ModuleType, array: object) -> Column:
    """Dates and times of numpy. What is not a time, or masked, is missing."""
    if array.ndim != 1:
        raise ValueError(f"a column has one dimension, not {array.ndim}")
    mask, array, kind = numpy.ma.getmaskarray(array), numpy.ma.getdata(array), array.dtype.kind
    missing = numpy.isnat(array) | mask
    unit, _ = numpy.datetime_data(array.dtype)
    if kind == "M" and unit in ("Y", "M", "W", "D"):
        unit = "D"
    elif unit in ("W", "D", "h", "m"):
        unit = "s"
    codes = {name: code for code, name in _UNITS.items()}
    if unit not in codes:
        raise TypeError(f"Arrow has no {array.dtype}: convert it, as with `array.astype('{kind}8[us]')`")
    values = array.astype(f"{kind}8[{unit}]").astype("i8")
    if unit == "D":
        days = values.astype("i4")
        if (days != values)[~missing].any():
            raise OverflowError("dates of Arrow have 32 bits: some of these do not fit")
        format, values = "tdD", days
    else:
        format = f"ts{codes[unit]}:" if kind == "M" else f"tD{codes[unit]}"
    validity = numpy.packbits(~missing, bitorder="little") if missing.any() else None
    return Column(format, len(values), validity, [values])
