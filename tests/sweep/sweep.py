"""Calls whatever can be reached from numpy's modules, in many ways, and does not care what comes of it.

`main.rs` runs it in the guest, a few subjects to an interpreter: it is told each call before it happens,
so that it knows which one ended the interpreter. A call that raises is as good as one that returns.
"""

import copy
import functools
import gc
import importlib
import inspect
import itertools
import math
import operator
import pickle
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

type Make = Callable[[], Any]

# What would stop the sweep without being a trap, or take too long.
LEFT_OUT = {
    "breakpoint",
    "input",
    "numpy.test",
    "numpy.testing",
    "numpy.conftest",
}

TYPE_CODES = "?bBhHiIlLqQefdgFDGSUVOmMT"
# One of each kind, for what does not depend on sizes.
FEW_CODES = "?iqedDSUVOmMT"


def dtype(code: str) -> np.dtype:
    """The type of a code; strings and bytes have room for something."""
    named = {"S": "S3", "U": "U3", "V": "V3", "m": "m8[s]", "M": "M8[s]"}
    return np.dtypes.StringDType() if code == "T" else np.dtype(named.get(code, code))


def array(code: str, count: int = 6) -> np.ndarray:
    """An array of a type: 1, 0, 1, …"""
    return np.array([1, 0, 1, 1, 0, 1][:count]).astype("S1" if code == "V" else "i4").astype(dtype(code))


def unaligned(original: np.ndarray) -> np.ndarray:
    """A copy that begins at an odd address, of types without references."""
    room = np.empty(original.nbytes + 1, "u1")[1:].view(original.dtype)
    room[...] = original
    return room


def layouts(original: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The same numbers in memory in all ways that loops tell apart."""
    yield "plain", original
    yield "strided", original[::2]
    yield "reversed", original[::-1]
    yield "one", original[:1]
    yield "none", original[:0]
    yield "plane", original.reshape(2, -1).T
    yield "zero dimensions", original[:1].reshape(())
    yield "broadcast", np.broadcast_to(original[:1], original.shape)
    if original.dtype.kind not in "OT":
        yield "unaligned", unaligned(original)
        yield "swapped", original.astype(original.dtype.newbyteorder())


def samples() -> dict[str, Make]:
    """Ways to make an object of every kind."""
    made: dict[str, Make] = {
        "plane": lambda: np.arange(6.0).reshape(2, 3),
        "structured": lambda: np.zeros(3, "i4,f8"),
        "records": lambda: np.rec.array([(1, 2.0)], dtype="i4,f8"),
        "masked": lambda: np.ma.array([1.0, 2, 3], mask=[0, 1, 0]),
        "matrix": lambda: np.matrix([[1.0, 2], [3, 4]]),
        "characters": lambda: np.char.array(["a", "b"]),
        "nothing": lambda: np.empty((0, 3)),
        "zero dimensions": lambda: np.array(1.5),
        "subarray type": lambda: np.dtype(("i4", (2,))),
        "structured type": lambda: np.dtype({"names": ["a"], "formats": ["f8"], "titles": ["t"]}),
        "text type": lambda: np.dtypes.StringDType(na_object=None),
        "flat": lambda: np.arange(4.0).flat,
        "flags": lambda: np.arange(4).flags,
        "iterator": lambda: np.nditer([np.arange(4.0), None], ["multi_index"]),
        "iterator, external": lambda: np.nditer(np.arange(9.0), ["external_loop", "buffered"]),
        "nested iterator": lambda: np.nested_iters(np.ones((2, 2)), [[0], [1]])[0],
        "broadcast": lambda: np.broadcast(np.arange(3), np.ones((2, 3))),
        "index": lambda: np.ndindex(2, 2),
        "ufunc": lambda: np.add,
        "generalised ufunc": lambda: np.matmul,
        "own ufunc": lambda: np.frompyfunc(lambda a, b: a, 2, 1),
        "vectorized": lambda: np.vectorize(lambda a: a),
        "polynomial": lambda: np.polynomial.Polynomial([1, 2, 3]),
        "old polynomial": lambda: np.poly1d([1, 2, 3]),
        "errors": lambda: np.errstate(all="ignore"),
        "dispatcher": lambda: np.sum,
        "converter": lambda: np._core._multiarray_umath._array_converter(1.0, np.arange(2)),
        "casting": lambda: np._core._multiarray_umath._get_castingimpl(
            np.dtypes.Int8DType, np.dtypes.Float64DType
        ),
        "scaled float": lambda: np._core._multiarray_umath._get_sfloat_dtype()(1.0),
        "state": lambda: np.random.SeedSequence(1),
        "Generator": lambda: np.random.default_rng(1),
        "RandomState": lambda: np.random.RandomState(1),
    }
    for name in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"):
        made[name] = lambda name=name: getattr(np.random, name)(1)
    for code in FEW_CODES:
        made[f"array {code}"] = lambda code=code: array(code)
    for code in TYPE_CODES:
        made[f"scalar {code}"] = lambda code=code: array(code)[0]
        made[f"type {code}"] = lambda code=code: dtype(code)
        made[f"class {code}"] = lambda code=code: type(dtype(code))
    return made


@functools.cache
def sample_types() -> frozenset[type]:
    """The types that are swept as samples, and need not be where they turn up."""
    return frozenset(type(make()) for make in samples().values())


def arguments() -> dict[str, Make]:
    """Positional arguments to try with any callable."""
    return {
        "()": lambda: (),
        "(1)": lambda: (1,),
        "(0.5)": lambda: (0.5,),
        "(plane)": lambda: (np.array([[2.0, 1], [1, 3]]),),
        "(integers)": lambda: (np.arange(4),),
        "(complex)": lambda: (np.ones(3, complex),),
        "(objects)": lambda: (np.array([1, None], object),),
        "(texts)": lambda: (np.array(["a", "b c"]),),
        "(strings)": lambda: (np.array(["a", "b c"], "T"),),
        "(dates)": lambda: (np.array(["2024-01-31"], "M8[D]"),),
        "(bool array)": lambda: (np.array([True, False]),),
        "(structured)": lambda: (np.zeros(3, "i4,f8"),),
        "(type)": lambda: ("f8",),
        "(list)": lambda: ([1, 2, 3],),
        "(tuple)": lambda: ((1, 1),),
        "(str)": lambda: ("text",),
        "(dict)": lambda: ({},),
        "(None)": lambda: (None,),
        "(function)": lambda: (abs,),
        "(plane, plane)": lambda: (np.array([[2.0, 1], [1, 3]]), np.array([[2.0, 1], [1, 3]])),
        "(integers, integers)": lambda: (np.arange(4), np.arange(4)),
        "(strings, strings)": lambda: (np.array(["a"], "T"), np.array(["b"], "T")),
        "(texts, texts)": lambda: (np.array(["a"]), np.array(["b"])),
        "(plane, 1)": lambda: (np.array([[2.0, 1], [1, 3]]), 1),
        "(plane, type)": lambda: (np.array([[2.0, 1], [1, 3]]), np.dtype("c16")),
        "(1, 2)": lambda: (1, 2),
        "(0.5, 2.5)": lambda: (0.5, 2.5),
        "(function, plane)": lambda: (lambda *a: 1, np.array([[2.0, 1], [1, 3]])),
        "(1, function)": lambda: (1, abs),
        "(str, str)": lambda: ("text", "t"),
        "(plane, plane, plane)": lambda: (np.eye(2), np.eye(2), np.eye(2)),
        "(texts, str, str)": lambda: (np.array(["a", "b c"]), "b", "c"),
        "(strings, str, str)": lambda: (np.array(["a", "b c"], "T"), "b", "c"),
        "(1, 2, 3)": lambda: (1, 2, 3),
        "(3, 4, 3)": lambda: (3, 4, 3),
        "(0.1, 0.5, 0.9)": lambda: (0.1, 0.5, 0.9),
        "(2, 2, 2, 2)": lambda: (2, 2, 2, 2),
    }


# Of these, those for objects that there are many alike of.
FEW_ARGUMENTS = {"()", "(1)", "(plane)", "(type)", "(str)", "(None)", "(dict)", "(function)", "(1, 2)"}

UNARY: dict[str, Callable[[Any], Any]] = {
    "repr": repr,
    "str": str,
    "format": format,
    "bytes": bytes,
    "hash": hash,
    "bool": bool,
    "int": int,
    "float": float,
    "complex": complex,
    "len": len,
    "iter": lambda made: list(itertools.islice(iter(made), 3)),
    "next": next,
    "reversed": lambda made: list(itertools.islice(reversed(made), 3)),
    "index": operator.index,
    "length_hint": operator.length_hint,
    "neg": operator.neg,
    "pos": operator.pos,
    "abs": abs,
    "invert": operator.invert,
    "round": round,
    "round 1": lambda made: round(made, 1),
    "trunc": math.trunc,
    "floor": math.floor,
    "ceil": math.ceil,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "replace": lambda made: copy.replace(made),
    "memoryview": lambda made: bytes(memoryview(made)),
    "getsizeof": sys.getsizeof,
    "weakref": weakref.ref,
    "await": lambda made: made.__await__(),
    "with": lambda made: made.__enter__() and made.__exit__(None, None, None),
    "vars": vars,
    "signature": inspect.signature,
    "as array": np.asarray,
    "twice in an array": lambda made: np.array([made, made]),
    "in an array": lambda made: np.array([made, None], object),
    "cycle": lambda made: ring(made),
    "call": lambda made: made(),
    "del": lambda made: operator.delitem(made, 0),
}
for protocol in range(6):
    UNARY[f"pickle {protocol}"] = lambda made, protocol=protocol: pickle.loads(pickle.dumps(made, protocol))

KEYS: dict[str, Any] = {
    "0": 0,
    "-1": -1,
    "f0": "f0",
    "[f0]": ["f0"],
    "slice": slice(None, None, 2),
    "...": ...,
    "None": None,
    "(0, 0)": (0, 0),
    "(..., 0)": (..., 0),
    "list": [0, 0],
    "mask": True,
    "multi": ([0, 0], slice(None)),
    "0.5": 0.5,
}

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, name)
    for name in (
        "add sub mul truediv floordiv mod pow lshift rshift and_ or_ xor matmul lt le eq ne gt ge contains "
        "concat iadd isub imul itruediv ifloordiv imod ipow ilshift irshift iand ior ixor imatmul iconcat"
    ).split()
} | {"divmod": divmod, "isinstance": isinstance, "issubclass": issubclass}


def ring(made: object) -> None:
    """Puts an object into a cycle and lets the collector find it."""
    cycle = [made]
    cycle.append(cycle)
    try:
        made.ring = cycle
    except Exception:
        pass
    del cycle, made
    gc.collect()


class Sweep:
    """One subject's calls. Those with a name that has a part in `skip` are not made."""

    def __init__(self, skip: list[str], mark: Callable[[str], None], brief: bool) -> None:
        self.brief = brief
        self.skip = skip
        self.mark = mark
        self.calls = 0
        self.returned = 0
        self.skipped: set[str] = set()
        self.types = set(sample_types())

    def attempt(self, label: str, function: Callable, *given: Any, **named: Any) -> Any:
        """Makes a call, after it was told."""
        skipped = [part for part in self.skip if part in label]
        if skipped:
            self.skipped.update(skipped)
            return None
        self.calls += 1
        self.mark(label)
        try:
            result = function(*given, **named)
        except (Exception, SystemExit, GeneratorExit):
            return None
        self.returned += 1
        return result

    def explore(self, label: str, make: Make, depth: int = 1) -> None:
        """Everything that can be done with an object, and with objects of new types that come of it."""
        made = self.attempt(f"{label} made", make)
        self.types.add(type(made))
        for name, function in UNARY.items():
            self.attempt(f"{name} of {label}", lambda: function(make()))
        for name, key in KEYS.items():
            self.attempt(f"{label}[{name}]", lambda: make()[key])
            self.attempt(f"{label}[{name}] = 1", lambda: operator.setitem(make(), key, 1))
            self.attempt(f"{label}[{name}] = itself", lambda: operator.setitem(make(), key, make()))
        self.attempt(f"pow of {label}", lambda: pow(make(), make(), make()))
        for name in self.attempt(f"dir of {label}", dir, made) or ():
            if name not in ("__class__", "__subclasshook__", "__init_subclass__"):
                self.attribute(f"{label}.{name}", make, name, depth)

    def attribute(self, label: str, make: Make, name: str, depth: int) -> None:
        """Reads, sets, deletes and calls an attribute."""
        value = self.attempt(label, lambda: getattr(make(), name))
        self.attempt(f"{label} = itself", lambda: setattr(made := make(), name, getattr(made, name)))
        for given in (1, None, "text", (1,)):
            self.attempt(f"{label} = {given!r}", lambda: setattr(make(), name, given))
        self.attempt(f"{label} deleted", lambda: delattr(make(), name))
        if callable(value):
            self.call(label, lambda: getattr(make(), name), depth)
        elif depth and self.is_new(value):
            self.explore(label, lambda: getattr(make(), name), depth - 1)

    def call(self, label: str, make: Make, depth: int = 1) -> None:
        """Calls an object with all kinds of arguments."""
        for name, given in arguments().items():
            if self.brief and name not in FEW_ARGUMENTS:
                continue
            result = self.attempt(label + name, lambda: make()(*given()))
            if depth and self.is_new(result):
                self.explore(label + name, lambda: make()(*given()), depth - 1)
        for name, given in {"out": np.empty(2), "axis": 0, "dtype": "f4", "size": 3}.items():
            self.attempt(f"{label}({name})", lambda: make()(**{name: given}))
            self.attempt(f"{label}(plane, {name})", lambda: make()(np.eye(2), **{name: given}))
            self.attempt(f"{label}(0.5, {name})", lambda: make()(0.5, **{name: given}))

    def is_new(self, value: object) -> bool:
        """Whether an object is of a type of numpy's that was not seen before."""
        kind = type(value)
        if kind in self.types or not kind.__module__.startswith("numpy"):
            return False
        self.types.add(kind)
        return True

    def operators(self, label: str, make: Make) -> None:
        """Every operator with an object of every other kind, both ways."""
        others = {name: make for name, make in samples().items() if name.startswith(("array", "scalar"))}
        others |= {
            repr(value): constant(value) for value in (True, 1, 2**70, 0.5, 1j, "a", b"a", None, [1], int)
        }
        for other, make_other in others.items():
            for name, function in BINARY.items():
                self.attempt(f"{name}({label}, {other})", lambda: function(make(), make_other()))

    def construct(self, label: str, kind: type) -> None:
        """Makes objects of a class, and of a subclass of it."""
        self.call(label, lambda: kind)
        sub = self.attempt(f"subclass of {label}", lambda: type("Sub", (kind,), {}))
        if sub is not None:
            self.call(f"subclass of {label}", lambda: sub, 0)
        for name, value in vars(kind).items():
            self.attempt(f"{label}.{name} by get", lambda: value.__get__(None, kind))
            self.attempt(f"{label}.{name} of another", lambda: value.__get__(1, int))
            self.attempt(f"{label}.{name} set on another", lambda: value.__set__(1, 1))

    def loops(self, label: str, ufunc: np.ufunc) -> None:
        """Every loop of a ufunc, with every layout."""
        signatures = {types.partition("->")[0] for types in ufunc.types}
        signatures |= {code * ufunc.nin for code in TYPE_CODES}
        for codes in sorted(signatures):
            named = f"{label} {codes}"
            inputs = self.attempt(f"{named} inputs", lambda: [array(code) for code in codes])
            if inputs is None:
                continue
            for names in zip(*(layouts(one) for one in inputs), strict=True):
                layout, given = names[0][0], [one for _, one in names]
                self.attempt(f"{named} {layout}", ufunc, *given)
                self.attempt(f"{named} {layout} where", ufunc, *given, where=np.True_)
                result = self.attempt(f"{named} {layout} alike", np.empty_like, given[0])
                self.attempt(f"{named} {layout} out", ufunc, *given, *[result] * ufunc.nout)
            square = [one[:4].reshape(2, 2) for one in inputs]
            self.attempt(f"{named} square", ufunc, *square)
            first = inputs[0]
            for method in ("reduce", "accumulate"):
                call = getattr(ufunc, method)
                self.attempt(f"{named} {method}", call, first)
                self.attempt(f"{named} {method} plane", call, first.reshape(2, 3), axis=1)
                self.attempt(f"{named} {method} none", call, first[:0])
            self.attempt(f"{named} reduce where", ufunc.reduce, first, where=first.astype(bool))
            self.attempt(f"{named} reduce initial", ufunc.reduce, first, initial=first[0])
            self.attempt(f"{named} reduce axes", ufunc.reduce, first.reshape(2, 3), axis=None, keepdims=True)
            self.attempt(f"{named} reduceat", ufunc.reduceat, first, [0, 2])
            self.attempt(f"{named} outer", ufunc.outer, *inputs[:2])
            self.attempt(f"{named} at", ufunc.at, first.copy(), [0, 1, 1], *inputs[1:2])
            self.attempt(
                f"{named} resolve",
                ufunc.resolve_dtypes,
                tuple(one.dtype for one in inputs) + (None,) * ufunc.nout,
            )

    def casts(self, code: str) -> None:
        """From one type to every other, and what is done with elements of it."""
        for layout, original in layouts(array(code)):
            for other in TYPE_CODES:
                for kind in (dtype(other), np.dtype("i4,f8")):
                    named = f"{code} {layout} to {kind}"
                    self.attempt(named, original.astype, kind)
                    self.attempt(
                        f"{named} unsafe", np.copyto, np.zeros(original.shape, kind), original, "unsafe"
                    )
                    self.attempt(f"{named} swapped", lambda: original.astype(kind.newbyteorder()))
                    self.attempt(f"{named} same value", original.astype, kind, casting="same_value")
            for kind in ("quicksort", "heapsort", "stable"):
                self.attempt(f"{code} {layout} {kind}", np.sort, original, kind=kind)
                self.attempt(f"{code} {layout} arg {kind}", np.argsort, original, kind=kind)
            self.attempt(f"{code} {layout} descending", lambda: np.sort(original, descending=True))
            for function in (
                np.unique,
                np.dot,
                np.vdot,
                np.inner,
                np.correlate,
                np.searchsorted,
                np.lexsort,
                np.nonzero,
                np.count_nonzero,
                np.argmax,
                np.argmin,
                np.cumsum,
                np.mean,
                np.median,
                np.var,
                np.diff,
                np.clip,
                np.where,
                np.isin,
                np.histogram,
                np.bincount,
                np.interp,
                np.choose,
                np.putmask,
                np.place,
                np.take,
                np.repeat,
                np.partition,
                np.argpartition,
                np.array2string,
                np.tile,
            ):
                for given in ((original,), (original, original), (original, 1), (original, original, original)):
                    self.attempt(f"{code} {layout} {function.__name__} {len(given)}", function, *given)
            for subscripts in ("i->", "i,i->", "i,i->i", "i,i,i->", "i,i,i,i->i", "i->i", "i,j->ij"):
                given = [original] * (1 + subscripts.count(","))
                self.attempt(f"{code} {layout} einsum {subscripts}", np.einsum, subscripts, *given)
            self.attempt(
                f"{code} {layout} text",
                lambda: np.fromstring(" ".join(map(str, original)), original.dtype, sep=" "),
            )
            self.attempt(
                f"{code} {layout} loadtxt", lambda: np.loadtxt(list(map(str, original)), original.dtype)
            )
            self.attempt(f"{code} {layout} buffer", lambda: np.frombuffer(original.tobytes(), original.dtype))
            self.attempt(f"{code} {layout} fill", lambda: original.copy().fill(original[0]))
            self.attempt(f"{code} {layout} arange", lambda: np.arange(0, 5, dtype=original.dtype))
            self.attempt(f"{code} {layout} zeros", lambda: np.zeros(3, original.dtype).tolist())


def modules() -> dict[str, ModuleType]:
    """numpy's modules that are loaded, or that are attributes of others."""
    found = {}
    for name, module in sorted(sys.modules.items()):
        top = name.split(".")[0]
        left_out = any(name == out or name.startswith(f"{out}.") for out in LEFT_OUT)
        if top == "numpy" and module is not None and not left_out:
            found[name] = module
    return found


def callables() -> dict[str, Any]:
    """What can be called in them, once each."""
    found: dict[int, tuple[str, Any]] = {}
    for name, module in modules().items():
        for attribute, value in sorted(vars(module).items()):
            dotted = f"{name}.{attribute}"
            home = getattr(value, "__module__", None) or name
            if callable(value) and home.startswith("numpy") and dotted not in LEFT_OUT:
                found.setdefault(id(value), (dotted, value))
    return dict(found.values())


def resolve(dotted: str) -> Any:
    """What `callables` gave this name, also in an interpreter that has loaded other modules."""
    module, _, attribute = dotted.rpartition(".")
    return vars(importlib.import_module(module))[attribute]


def subjects() -> list[str]:
    """What there is to sweep, each to be handed to `run`."""
    found = []
    for name, value in callables().items():
        found.append(f"{'class' if isinstance(value, type) else 'call'} {name}")
        if isinstance(value, np.ufunc):
            found.append(f"loops {name}")
    for name in samples():
        found.append(f"object {name}")
        if name.startswith(("array", "scalar")):
            found.append(f"operators {name}")
    return found + [f"casts {code}" for code in TYPE_CODES]


def run(subject: str, skip: list[str], mark: Callable[[str], None]) -> tuple[int, int, list[str]]:
    """Sweeps one subject, but for some calls; gives how many calls were made, how many of them returned, and
    what of `skip` there was."""
    warnings.simplefilter("ignore")
    kind, _, name = subject.partition(" ")
    sweep = Sweep(skip, mark, brief=kind == "object" and name.startswith(("scalar", "type", "class")))
    match kind:
        case "call":
            sweep.call(name, constant(resolve(name)), 0)
        case "class":
            sweep.construct(name, resolve(name))
        case "loops":
            sweep.loops(name, resolve(name))
        case "object":
            sweep.explore(name, samples()[name])
        case "operators":
            sweep.operators(name, samples()[name])
        case "casts":
            sweep.casts(name)
    if sweep.calls == 0 and not sweep.skipped:
        raise LookupError("nothing of it is called")
    sweep.attempt("the collector", gc.collect)
    return sweep.calls, sweep.returned, sorted(sweep.skipped)


def constant(value: object) -> Make:
    """Always the same object."""
    return lambda: value
