"""Tables of pandas and columns of Arrow, each made of the other. Imported when asked for."""

from types import ModuleType

from _ophidia.arrow import Column, Table, _of_moments
from _ophidia.interop import numpy_if_there


def frame(table: Table) -> object:
    """A `DataFrame` of a table. Numbers of which none is missing share the table's memory."""
    import pandas

    made = {name: _series(pandas, column) for name, column in table.items()}
    return pandas.DataFrame(made, copy=False)


def _series(pandas: ModuleType, column: Column) -> object:
    numpy = numpy_if_there()
    kind = column.format[0]
    if kind in "uU":
        return pandas.array(list(column), dtype="str")
    values = column.values
    if isinstance(values, list):
        return pandas.Series(values, dtype=object)
    missing = numpy.ma.getmaskarray(values) if isinstance(values, numpy.ma.MaskedArray) else None
    data = numpy.ma.getdata(values)
    if kind == "t":
        if missing is not None:
            data = data.copy()
            data[missing] = "NaT"
        zone = column.format[4:] if column.format.startswith("ts") else ""
        series = pandas.Series(data)
        return series.dt.tz_localize("UTC").dt.tz_convert(zone) if zone else series
    if missing is None:
        return data
    if data.dtype.kind == "f":
        data = data.copy()
        data[missing] = numpy.nan
        return data
    made = pandas.arrays.BooleanArray if data.dtype.kind == "b" else pandas.arrays.IntegerArray
    return made(data.copy(), missing)


def columns(pandas: ModuleType, frame: object) -> dict[str, object]:
    """The columns of a `DataFrame`, as arrays, masked where something is missing, lists, and columns. Levels
    of its index that have a name come first; others are left out."""
    named = [level for level in frame.index.names if level is not None]
    if named:
        unnamed = [level for level, name in enumerate(frame.index.names) if name is None]
        if unnamed:
            frame = frame.droplevel(unnamed)
        frame = frame.reset_index()
    made = {}
    for at, label in enumerate(frame.columns):
        name = str(label)
        if name in made:
            raise ValueError(f"two columns are called {name!r}: rename one")
        made[name] = _column(pandas, name, frame.iloc[:, at])
    return made


def _column(pandas: ModuleType, name: str, series: object) -> object:
    numpy, dtype = numpy_if_there(), series.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        return _column(pandas, name, series.astype(dtype.categories.dtype))
    if isinstance(dtype, pandas.SparseDtype):
        return _column(pandas, name, series.sparse.to_dense())
    if isinstance(dtype, pandas.DatetimeTZDtype):
        moments = series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        column = _of_moments(numpy, moments)
        column.format += str(dtype.tz)
        return column
    missing = series.isna().to_numpy()
    if dtype.kind in "mM" and isinstance(dtype, numpy.dtype):
        return series.to_numpy()
    if dtype.kind in "biuf":
        if not missing.any():
            kept = dtype if isinstance(dtype, numpy.dtype) else dtype.numpy_dtype
            return series.to_numpy(dtype=kept)
        if isinstance(dtype, numpy.dtype):
            return numpy.ma.MaskedArray(series.to_numpy(), missing)
        return numpy.ma.MaskedArray(series.to_numpy(dtype=dtype.numpy_dtype, na_value=0), missing)
    objects = isinstance(dtype, numpy.dtype) and dtype.kind == "O"
    if objects or isinstance(dtype, pandas.StringDtype):
        return [None if gone else value for value, gone in zip(series, missing, strict=True)]
    raise TypeError(f"column {name!r}: Arrow has no {dtype} here: convert it, as with `.astype(str)`")
