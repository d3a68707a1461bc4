"""Functions that choose an implementation: by the number of arguments, or by the type of the first one.

`@arities` makes one function of several. Calling it counts the arguments; `add.invoke2` is the implementation
itself, a plain function.

    @arities
    class add:
        def invoke0(): return 0
        def invoke1(a): return a
        def invoke2(a, b): return a + b
        def invoke_rest(a, b, *rest): return sum(rest, a + b)

    add(1, 2, 3), add.invoke2(1, 2)

A protocol names functions, and any type can be extended with them later: built-in types too, and those of other
libraries. The body of a declaration is never run; its signature and documentation count.

    class Countable(Protocol):
        def count(self, start=0): ...

    extend(str, Countable, count=lambda text, start: len(text) - start)
    Countable.count("four")

Only the type of the first argument decides: its instance attributes, `__getattr__` and `__class__` have no say.
A call runs the first that there is of:

1. the extension of the type itself, or of the nearest class in its `__mro__`, whenever each was made;
2. that of an abstract class with the type as a virtual subclass, if made by `extend_for_all_subclasses`;
3. that of `object`.

Errors are `TypeError`s, both of definitions and of calls.
"""

import inspect
import itertools
import re
import sys
import weakref
from annotationlib import Format
from collections.abc import Callable
from types import FunctionType

__all__ = ["Protocol", "arities", "extend", "extend_for_all_subclasses", "extenders", "satisfies"]

# Types that a function remembers before it starts anew: classes made on the fly are not kept for ever.
_REMEMBERED = 1024

_ARITY = re.compile(r"invoke(?:(0|[1-9][0-9]*)|_rest)")
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_serial = itertools.count(1)


def _defined(name: str, source: str, names: dict[str, object], model: type | FunctionType) -> FunctionType:
    """The function that `source` defines, documented as `model`. `names` are its globals.

    It is made for speed. CPython does not specialise calls of a function from `types.FunctionType`, or of
    one whose code or defaults were replaced: a `def` has to run. Each call copies the cells of a closure: what
    the function uses is global.
    """
    exec(compile(source, f"<ophidia.dispatch: {model.__qualname__}>", "exec"), names)
    function = names[name]
    for attribute in ("__qualname__", "__module__", "__doc__"):
        setattr(function, attribute, getattr(model, attribute))
    return function


def _signature(function: FunctionType) -> inspect.Signature:
    """That of a function whose annotations may name what is defined later."""
    return inspect.signature(function, annotation_format=Format.FORWARDREF)


# --- arities -----------------------------------------------------------------------------------


class _Absent:
    """The default of a parameter without an argument."""

    def __repr__(self) -> str:
        return "<absent>"


def arities(cls: type) -> FunctionType:
    """A decorator: one function of the `invoke0`, `invoke1`... and `invoke_rest` in the body of a class.

    `invokeN` takes exactly N positional arguments; there is no `self`. `invoke_rest` ends in `*rest` and takes
    the calls with more arguments than any other, so it requires at least as many as the largest one. The result
    is a plain function, which a class can have as a method. It takes no keyword arguments.
    """
    fixed: dict[int, FunctionType] = {}
    rest, required = None, None
    for name, function in vars(cls).items():
        if name.startswith("__"):
            continue
        match = _ARITY.fullmatch(name)
        if match is None or not isinstance(function, FunctionType):
            raise TypeError(
                f"{cls.__qualname__}.{name} is no arity (they are invoke0, invoke1, ... and invoke_rest)"
            )
        if match[1] is None:
            rest, required = function, _required(function, variadic=True)
        elif (count := _required(function, variadic=False)) == int(match[1]):
            fixed[count] = function
        else:
            raise TypeError(f"{function.__qualname__} has {count} parameters, its name says {match[1]}")
    if not fixed and rest is None:
        raise TypeError(f"{cls.__qualname__} has no arity (define invoke0, invoke1, ... or invoke_rest)")
    largest = max(fixed, default=0)
    if rest and required < largest:
        raise TypeError(
            f"{rest.__qualname__} requires {required} arguments, at least {largest} needed (invoke{largest})"
        )

    numbers = [str(count) for count in sorted({*fixed, required} if rest else fixed)]
    if rest:
        numbers[-1] += " or more"
    else:
        numbers[-2:] = [" or ".join(numbers[-2:])]
    takes = f"{cls.__qualname__}() takes {', '.join(numbers)} argument{'' if numbers == ['1'] else 's'}"

    def refuse(given: int) -> None:
        raise TypeError(f"{takes}, {given} given")

    invokes = {f"invoke{count}": function for count, function in fixed.items()}
    if rest:
        invokes["invoke_rest"] = rest
    names = {f"__{name}__": function for name, function in invokes.items()}
    names |= {"__absent__": _Absent(), "__refuse__": refuse}
    function = _defined(cls.__name__, _counting(cls.__name__, fixed, required), names, cls)
    vars(function).update(invokes)
    return function


def _required(function: FunctionType, variadic: bool) -> int:
    """The number of positional parameters of an arity, `*rest` apart."""
    kinds = [parameter.kind for parameter in _signature(function).parameters.values()]
    if variadic and (not kinds or kinds.pop() is not inspect.Parameter.VAR_POSITIONAL):
        raise TypeError(f"{function.__qualname__} does not end in *rest")
    if function.__defaults__ or not all(kind in _POSITIONAL for kind in kinds):
        raise TypeError(f"{function.__qualname__} has other parameters than positional ones without defaults")
    return len(kinds)


def _counting(name: str, fixed: dict[int, FunctionType], required: int | None) -> str:
    """The source of a function that counts its arguments. Only those beyond the largest arity are packed."""
    most = max([*fixed, required or 0])
    parameters = [f"a{index}" for index in range(most)]
    packed = (
        ["*rest"] if most == 0 else [*(f"{parameter}=__absent__" for parameter in parameters), "/", "*rest"]
    )
    lines = [f"def {name}({', '.join(packed)}):"]
    for count in range(most, -1, -1):
        indent = "    "
        if count:
            lines.append(f"    if a{count - 1} is not __absent__:")
            indent += "    "
        if count == most:
            call = f"__refuse__({most} + len(rest))"
            if required is not None:
                call = f"__invoke_rest__({', '.join([*parameters, '*rest'])})"
            lines.append(f"{indent}if rest:")
            lines.append(f"{indent}    return {call}")
        call = f"__refuse__({count})"
        if count in fixed or count == required:
            invoked = count if count in fixed else "_rest"
            call = f"__invoke{invoked}__({', '.join(parameters[:count])})"
        lines.append(f"{indent}return {call}")
    return "\n".join(lines)


# --- protocols ---------------------------------------------------------------------------------


class _Source(str):
    """A default in the source of a signature."""

    __repr__ = str.__str__


class ProtocolFn:
    """A function of a protocol: `function` is the one to call, the rest is what it knows.

    An extension is an attribute of the extended class. So it lives as long as the class, and a copy of the
    class has it too, such as `dataclass(slots=True)` makes. Its name is no identifier and has a serial number:
    nothing else uses it, not even a protocol of the same name. Types that take no attributes are in a table.

    A call finds the implementation in a dict, by the exact type. Reading the attribute at each call would be a
    fifth faster, but a failed read, of a built-in type, takes longer than `functools.singledispatch`.
    """

    __slots__ = ("_attribute", "_globals", "_of_all_subclasses", "_table", "function", "name")

    def __init__(self, protocol: type, name: str, declared: FunctionType) -> None:
        self.name = f"{protocol.__qualname__}.{name}"
        self._attribute = sys.intern(f"{protocol.__module__}.{self.name}#{next(_serial)}")
        self._table: dict[type, Callable] = {}
        self._of_all_subclasses: dict[type, None] = {}
        self._globals = {"__type__": type, "__find__": self._find, "__missed__": _missed}
        self._forget()
        self.function = _defined(name, self._dispatching(name, declared), self._globals, declared)
        self.function.__wrapped__ = declared  # for `inspect.signature`
        self.function.dispatch = self.dispatch

    def __repr__(self) -> str:
        return f"<ProtocolFn {self.name}>"

    def _dispatching(self, name: str, declared: FunctionType) -> str:
        """The source of `function`, with the signature of the declaration."""
        parameters, arguments = [], []
        for parameter in _signature(declared).parameters.values():
            default = parameter.default
            if default is not parameter.empty:
                default = _Source(f"__default_{parameter.name}__")
                self._globals[str(default)] = parameter.default
            parameters.append(parameter.replace(annotation=parameter.empty, default=default))
            forms = {
                parameter.VAR_POSITIONAL: "*{}",
                parameter.KEYWORD_ONLY: "{0}={0}",
                parameter.VAR_KEYWORD: "**{}",
            }
            arguments.append(forms.get(parameter.kind, "{}").format(parameter.name))
        if not parameters or parameters[0].kind not in _POSITIONAL:
            raise TypeError(f"{self.name} has no first parameter to choose an implementation by")
        cls, passed = f"__type__({arguments[0]})", ", ".join(arguments)
        return (
            f"def {name}{inspect.Signature(parameters)}:\n"
            f"    try:\n"
            f"        return __found__[{cls}]({passed})\n"
            f"    except KeyError as __error__:\n"
            f"        if not __missed__(__error__, {cls}):\n"
            f"            raise\n"
            f"    return __find__({cls})({passed})\n"
        )

    def _forget(self) -> None:
        """Find every type anew. Threads that are finding one still add it to the old table."""
        self._globals["__found__"] = {}

    def _find(self, cls: type) -> Callable:
        """The implementation for a type that was not called before."""
        found = self._globals["__found__"]
        implementation = self._implementation(cls)
        if len(found) >= _REMEMBERED:
            found.clear()
        found[cls] = implementation
        return implementation

    def extend(self, cls: type, implementation: Callable, all_subclasses: bool) -> None:
        """As the functions of the module."""
        try:
            # A `__setattr__` of the metaclass is not asked.
            type.__setattr__(cls, self._attribute, implementation)
        except TypeError:
            self._table[cls] = implementation
        if all_subclasses:
            self._of_all_subclasses[cls] = None
        self._forget()

    def dispatch(self, cls: type) -> Callable:
        """The implementation for instances of a type, as of now."""
        return self._globals["__found__"].get(cls) or self._find(cls)

    def nearest(self, cls: type) -> type | None:
        """The type whose extension serves `cls`. None: there is none."""
        for base in cls.__mro__:
            if base is not object and self._extends(base):
                return base
        bases = [base for base in self._of_all_subclasses if base is not object and issubclass(cls, base)]
        if len(bases) > 1:
            above = {base for base in bases for other in bases if other is not base and issubclass(other, base)}
            bases = [base for base in bases if base not in above] or bases
        if len(bases) > 1:
            raise TypeError(
                f"{self.name}: {' and '.join(map(_name, bases))} are equally near to {_name(cls)} "
                f"({self._extension(cls)} decides)"
            )
        return bases[0] if bases else object if self._extends(object) else None

    def _extends(self, cls: type) -> bool:
        return cls in self._table or self._attribute in cls.__dict__

    def _implementation(self, cls: type) -> Callable:
        base = self.nearest(cls)
        if base is None:
            raise TypeError(
                f"{self.name}: no implementation for {_name(cls)} ({self._extension(cls)} adds one)"
            )
        return self._table[base] if base in self._table else base.__dict__[self._attribute]

    def _extension(self, cls: type) -> str:
        protocol, _, function = self.name.rpartition(".")
        return f"extend({cls.__qualname__}, {protocol}, {function}=...)"


def _missed(error: KeyError, cls: type) -> bool:
    """True if a dispatching function has not found a type; else the error is the implementation's."""
    return error.__traceback__.tb_next is None and len(error.args) == 1 and error.args[0] is cls


def _name(cls: type) -> str:
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


class _ProtocolType(type):
    """The type of protocols: replaces the functions of a class body by functions that dispatch."""

    def __new__(meta, name: str, bases: tuple[type, ...], namespace: dict[str, object]):
        protocol = super().__new__(meta, name, bases, namespace)
        if not bases:
            return protocol
        if bases != (Protocol,):
            raise TypeError(f"{name}: a protocol inherits from Protocol and nothing else")
        protocol._functions = {
            key: ProtocolFn(protocol, key, value)
            for key, value in namespace.items()
            if isinstance(value, FunctionType) and not key.startswith("_")
        }
        if not protocol._functions:
            raise TypeError(f"{name} declares no function")
        for key, function in protocol._functions.items():
            setattr(protocol, key, function.function)
        protocol._extenders = weakref.WeakKeyDictionary()
        return protocol

    def __call__(cls):
        raise TypeError(f"{cls.__qualname__} is a protocol: it has no instances")


class Protocol(metaclass=_ProtocolType):
    """The base of protocols. Each public function in the body of a subclass becomes one that dispatches on the
    type of its first argument: `Countable.count`.

    It has the parameters of the declaration. The implementation gets all of them, defaults filled in, by
    position unless they are keyword-only. `Countable.count.dispatch(cls)` gives the implementation for a type,
    for a loop over many values of it, or for an implementation that calls the one of a base class.
    """

    _functions: dict[str, ProtocolFn] = {}
    _extenders: "weakref.WeakKeyDictionary[type, None]"


def extend(cls: type, protocol: type[Protocol], /, **implementations: Callable) -> None:
    """Implement functions of a protocol for a type and its subclasses.

    A function that is left out stays as it is; one that was given before is replaced. A subclass with an
    extension of its own keeps that, whichever came first.
    """
    _extend(cls, protocol, implementations, all_subclasses=False)


def extend_for_all_subclasses(cls: type, protocol: type[Protocol], /, **implementations: Callable) -> None:
    """As `extend`, and for virtual subclasses: every type of which `issubclass` says so.

    It is meant for abstract classes, such as `collections.abc.Sized`. A type registered with one after a call
    keeps what that call found until the next extension.
    """
    _extend(cls, protocol, implementations, all_subclasses=True)


def _extend(
    cls: type, protocol: type[Protocol], implementations: dict[str, Callable], all_subclasses: bool
) -> None:
    functions = _functions(protocol)
    if not isinstance(cls, type):
        raise TypeError(f"{protocol.__qualname__} is extended to types, not to {cls!r}")
    if not implementations:
        raise TypeError(
            f"{protocol.__qualname__}: no function given for {_name(cls)} (it has {', '.join(functions)})"
        )
    for name, implementation in implementations.items():
        if name not in functions:
            raise TypeError(f"{protocol.__qualname__} has no function {name} (it has {', '.join(functions)})")
        if not callable(implementation):
            raise TypeError(f"{protocol.__qualname__}.{name}: {implementation!r} cannot be called")
    for name, implementation in implementations.items():
        functions[name].extend(cls, implementation, all_subclasses)
    protocol._extenders[cls] = None


def satisfies(protocol: type[Protocol], value: object) -> bool:
    """True if each function of the protocol has an implementation for the value."""
    return all(function.nearest(type(value)) is not None for function in _functions(protocol).values())


def extenders(protocol: type[Protocol]) -> tuple[type, ...]:
    """The types that a protocol was extended to, first ones first, without their subclasses."""
    _functions(protocol)
    return tuple(protocol._extenders)


def _functions(protocol: type[Protocol]) -> dict[str, ProtocolFn]:
    if not isinstance(protocol, _ProtocolType) or protocol is Protocol:
        raise TypeError(f"{protocol!r} is not a protocol (`class Name(Protocol)` declares one)")
    return protocol._functions
