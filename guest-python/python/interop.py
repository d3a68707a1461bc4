"""What the bridge and the host ask for in Python's own words. The host calls these by name."""

import ast
import asyncio
import builtins
import functools
import importlib
import inspect
import keyword
import operator
import pydoc
import sys
import traceback
import weakref
from annotationlib import Format
from collections.abc import Callable
from types import CodeType, FunctionType, ModuleType

import __main__
from _ophidia import _host, errors, sources

_KINDS = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.VAR_KEYWORD,
)

# --- functions, exceptions ---------------------------------------------------------------------


def signature(parameters: tuple[tuple, ...] | None) -> inspect.Signature:
    """The signature of a function of the host: of each parameter the name, the kind and, if it has
    one, the default. `None` says that it takes whatever it is given."""
    if parameters is None:
        parameters = (("args", 2), ("kwargs", 4))
    return inspect.Signature(
        [
            inspect.Parameter(name, _KINDS[kind], default=default[0])
            if default
            else inspect.Parameter(name, _KINDS[kind])
            for name, kind, *default in parameters
        ]
    )


def exception(kind: type | str, message: str) -> BaseException:
    """The exception that a function of the host raises: of a class, or of a built-in one of that name, or
    of what else the name stands for."""
    if isinstance(kind, type):
        return kind(message)
    try:
        found = getattr(builtins, kind, None) or find(kind)
        made = found(message) if issubclass(found, BaseException) else None
    except Exception:
        made = None
    return made if isinstance(made, BaseException) else RuntimeError(f"{kind}: {message}")


def describe_exception(exc: BaseException) -> tuple[str, str]:
    """Qualified type name, message."""
    return errors.type_name(type(exc)), errors.cut(str(exc))


def formatted_traceback(exc: BaseException) -> str:
    """The traceback as python3 prints it."""
    return errors.formatted(exc, errors.own_frames(exc))


def frames(exc: BaseException) -> list[tuple[str, int, str, str]]:
    """File, line, function and source line of each frame, the innermost last."""
    return [
        (errors.cut(frame.filename), frame.lineno or 0, errors.cut(frame.name), errors.cut(frame.line or ""))
        for frame in traceback.extract_tb(exc.__traceback__)
    ]


def notes(exc: BaseException) -> list[str]:
    """What `add_note` has added."""
    return [errors.cut(str(note)) for note in getattr(exc, "__notes__", ())]


def linked(exc: BaseException, name: str) -> tuple[str, str, BaseException] | None:
    """The description of `__cause__` or `__context__`, and the exception itself."""
    other = getattr(exc, name)
    return None if other is None else (*describe_exception(other), other)


def is_raised(exc: BaseException, kind: type | tuple | str) -> bool:
    """Whether `except kind` catches it; a class may be given by its name."""
    return isinstance(exc, find(kind) if isinstance(kind, str) else kind)


# --- names -------------------------------------------------------------------------------------

_main = __main__.__dict__


def find(path: str) -> object:
    """What a dotted name stands for: a name of `__main__`, a built-in or a module, and attributes of these.
    Modules are imported as needed."""
    first, *rest = path.split(".")
    if first in _main:
        found = _main[first]
    elif hasattr(builtins, first):
        found = getattr(builtins, first)
    else:
        found = importlib.import_module(first)
    for name in rest:
        found = _member(found, name)
    return found


def make(what: object, keywords: int | None = None, *values: object) -> object:
    """What Rust asks for: what calling something gives, or, without arguments, itself. It may be named by a dotted
    name; one that begins with a dot is of this module. Names of keyword arguments come last."""
    if isinstance(what, str):
        what = globals()[what[1:]] if what.startswith(".") else find(what)
    if keywords is None:
        return what
    if keywords == 0:
        return what(*values)
    *values, names = values
    return what(*values[:-keywords], **dict(zip(names, values[-keywords:])))


def _member(owner: object, name: str) -> object:
    try:
        return getattr(owner, name)
    except AttributeError as missing:
        if not isinstance(owner, ModuleType):
            raise
        path = f"{owner.__name__}.{name}"
        try:
            return importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name != path:
                raise
            raise missing from None


# --- objects -----------------------------------------------------------------------------------

# The host looks these up here too, as they were before the program began.
hash, isinstance, issubclass, callable, slice = hash, isinstance, issubclass, callable, slice
divmod, power = divmod, pow
globals().update((name, getattr(operator, name)) for name in operator.__all__ if name not in globals())


def members(value: object) -> tuple[list[str], list[str]]:
    """`dir(value)`: the attributes, and the methods apart."""
    attributes, methods = [], []
    for name in dir(value):
        try:
            is_method = callable(getattr(value, name))
        except Exception:
            is_method = False
        (methods if is_method else attributes).append(name)
    return attributes, methods


def help_text(value: object) -> str:
    """What `help(value)` prints."""
    return pydoc.plain(pydoc.render_doc(value))


def signature_text(value: object) -> str:
    """The signature as it is written: `(a, b=2)`."""
    # As `help` does: annotations are not evaluated.
    return inspect.signature(value, annotation_format=Format.STRING).format(quote_annotation_strings=False)


class Weak:
    """A weak reference that the host asks by taking its next item: there is one as long as the
    referent lives."""

    __slots__ = ("_reference",)

    def __init__(self, value: object) -> None:
        self._reference = weakref.ref(value)

    def __iter__(self):
        return self

    def __next__(self):
        value = self._reference()
        if value is None:
            raise StopIteration
        return value


def leave(manager: object, exc: BaseException | None) -> bool:
    """`__exit__`: whether the exception is taken care of."""
    kind = None if exc is None else type(exc)
    tb = None if exc is None else exc.__traceback__
    return bool(type(manager).__exit__(manager, kind, exc, tb))


def enter(manager: object) -> object:
    """`__enter__`."""
    return type(manager).__enter__(manager)


def drive(awaitable: object) -> object:
    """Runs a coroutine, or anything else that can be awaited, to its end."""

    async def main() -> object:
        return await awaitable

    return asyncio.run(main())


class Steps:
    """The items of an asynchronous iterator, one `__next__` at a time, in an event loop of its own. The end,
    an error, `close` and letting go of it close the loop, and with that the generators that it runs."""

    def __init__(self, iterable: object) -> None:
        self._runner = asyncio.Runner()
        self._iterator = aiter(iterable)

    def __iter__(self):
        return self

    def __next__(self):
        async def step() -> object:
            return await anext(self._iterator)

        if self._iterator is None:
            raise StopIteration
        try:
            return self._runner.run(step())
        except StopAsyncIteration:
            self.close()
            raise StopIteration from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the iteration."""
        # It may be let go of in the middle of anything.
        running, task = asyncio._get_running_loop(), None
        if running is not None:
            # The current task is the thread's, whichever loop runs.
            task = asyncio.tasks._swap_current_task(running, None)
        asyncio._set_running_loop(None)
        try:
            self._runner.close()
        finally:
            asyncio._set_running_loop(running)
            if running is not None:
                asyncio.tasks._swap_current_task(running, task)
            self._iterator = None

    __del__ = close


# --- arrays ------------------------------------------------------------------------------------


def numpy_if_there() -> ModuleType | None:
    """numpy, where it can be imported."""
    try:
        import numpy
    except ImportError:
        return None
    return numpy


def new_array(code: str, kind: str, shape: tuple[int, ...], size: int, zeroed: bool) -> object:
    """A writable array in C order, of `size` bytes: of numpy, or else a `memoryview` of new memory."""
    numpy = numpy_if_there()
    if numpy is not None:
        return (numpy.zeros if zeroed else numpy.empty)(shape, kind)
    return _shaped(bytearray(size), code, shape)


def array_of(code: str, kind: str, shape: tuple[int, ...], data: bytearray) -> object:
    """The same with these bytes in it."""
    numpy = numpy_if_there()
    if numpy is not None:
        return numpy.ndarray(shape, kind, data)
    return _shaped(data, code, shape)


def _shaped(memory: bytearray, code: str, shape: tuple[int, ...]) -> memoryview:
    if code.startswith("Z"):
        raise TypeError("an array of complex numbers needs numpy, which cannot be imported here")
    if memory:
        return memoryview(memory).cast(code, shape)
    if len(shape) == 1:
        return memoryview(memory).cast(code)
    raise TypeError(f"an array of the shape {shape} needs numpy, which cannot be imported here")


def listed(value: object) -> list | None:
    """The rows of an array of numpy as lists in one another."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.ndarray):
        return None
    rows = value.tolist()
    return rows if isinstance(rows, list) else None


def object_items(array: object) -> tuple[tuple[int, ...], list]:
    """The shape of an array of numpy, and its items one after another."""
    numpy = numpy_if_there()
    if numpy is None or not isinstance(array, numpy.ndarray):
        raise TypeError(f"an array of numpy is needed, not {type(array).__name__}")
    return array.shape, list(array.astype(object, copy=False).flat)


def object_array(shape: tuple[int, ...], items: list) -> object:
    """An array of numpy that holds these objects."""
    numpy = numpy_if_there()
    if numpy is None:
        raise TypeError("an array of objects needs numpy, which cannot be imported here")
    array = numpy.empty(len(items), object)
    for i, item in enumerate(items):
        array[i] = item
    return array.reshape(shape)


def table(columns: list[tuple], metadata: dict[str, str]) -> dict:
    """A record batch of Arrow."""
    from _ophidia import arrow

    return arrow.table(columns, metadata)


def columns(table: object) -> tuple[list[tuple], dict[str, str]]:
    """What a record batch of Arrow is made of."""
    from _ophidia import arrow

    return arrow.columns(table)


# --- asynchronous functions of the host -----------------------------------------------------------

_pending: dict[int, asyncio.Future] = {}


class HostCall(asyncio.Future):
    """What Python awaits while the host works on a call. The event loop makes tasks of it, as of a coroutine."""


def pending(started: int | tuple) -> HostCall:
    """What Python awaits of a call of the host: by its number while the host works on it; or what it has ended with."""
    try:
        future = HostCall(loop=asyncio.get_running_loop())
    except RuntimeError:
        if isinstance(started, int):
            _host.attend(started)
        raise RuntimeError("an asynchronous function of the host needs a running event loop") from None
    if isinstance(started, int):
        _pending[started] = future
        future.add_done_callback(lambda future: _forget(started))
    else:
        _end(future, *started[1:])
    return future


def _end(future: HostCall, failed: bool, value: object) -> None:
    if failed:
        future.set_exception(exception(*value) if isinstance(value, tuple) else value)
    else:
        future.set_result(value)


def _forget(number: int) -> None:
    """A future that is done before its task has ended was cancelled."""
    if _pending.pop(number, None) is not None:
        _host.attend(number)


def is_waiting() -> bool:
    """Whether the host works on anything."""
    return bool(_pending)


def attend(timeout: float | None) -> None:
    """Waits until the host has ended a task; hands results to who awaits them."""
    for number, failed, value in _host.attend(-1.0 if timeout is None else float(timeout)):
        future = _pending.pop(number, None)
        if future is None or future.done():
            continue
        _end(future, failed, value)


class HostIterator:
    """The items of an iterator of the host, one at a time; it gives each in a tuple, and `None` at the end."""

    __slots__ = ("_step", "__weakref__")

    def __init__(self, step: Callable[[], tuple | None]) -> None:
        self._step = step

    def __iter__(self):
        return self

    def __next__(self):
        item = None if self._step is None else self._step()
        if item is None:
            self._step = None
            raise StopIteration
        return item[0]

    def close(self) -> None:
        """Lets go of the host's iterator."""
        self._step = None


class HostStream:
    """As `HostIterator`, of a stream: its items are awaited."""

    __slots__ = ("_step", "__weakref__")

    def __init__(self, step: Callable) -> None:
        self._step = step

    def __aiter__(self):
        return self

    async def __anext__(self):
        item = None if self._step is None else await self._step()
        if item is None:
            self._step = None
            raise StopAsyncIteration
        return item[0]

    async def aclose(self) -> None:
        """Lets go of the host's stream."""
        self._step = None


# --- code --------------------------------------------------------------------------------------


def compile_source(source: str, filename: str, mode: str) -> object:
    """Compiles source text whose lines tracebacks can show."""
    code = compile(source, filename, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    if filename.startswith("<"):
        sources.register(code, source)
    return code


def namespace() -> dict:
    """Names for source text, of its own."""
    return {"__name__": "__main__", "__builtins__": builtins}


def run_code(code: object, names: dict | None = None, own: object = None) -> None:
    """Runs compiled statements, in `__main__` when no globals are given."""
    eval_code(code, names, own)


def eval_code(code: object, names: dict | None = None, own: object = None) -> object:
    """Evaluates a compiled expression likewise."""
    value = eval(code, _main if names is None else names, own)
    return _complete(value) if getattr(code, "co_flags", 0) & inspect.CO_COROUTINE else value


def _complete(awaitable: object) -> object:
    from _ophidia import rest

    return rest.complete(awaitable)


def bind(source: str, parameters: list[str], mode: str, names: dict | None) -> Callable:
    """Source text as the body of a function, which may await: what Rust's values are arguments of."""
    code = _body(source, tuple(parameters), mode)
    function = FunctionType(code, _main if names is None else names)
    if code.co_flags & inspect.CO_COROUTINE:
        return lambda *values: _complete(function(*values))
    return function


@functools.lru_cache(maxsize=64)
def _body(source: str, parameters: tuple[str, ...], mode: str) -> CodeType:
    for name in parameters:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"a value cannot be called {name!r}: it is no name in Python")
    tree = ast.parse(source, "<string>", mode)
    body = [ast.Return(tree.body)] if mode == "eval" else tree.body or [ast.Pass()]
    arguments = ast.arguments(args=[ast.arg(name) for name in parameters])
    try:
        code = _compiled(ast.FunctionDef("_", arguments, body))
    except SyntaxError as error:
        try:
            code = _compiled(ast.AsyncFunctionDef("_", arguments, body))
        except SyntaxError:
            raise error from None
    code = code.replace(co_name="<module>", co_qualname="<module>")
    sources.register(code, source)
    return code


def _compiled(function: ast.FunctionDef | ast.AsyncFunctionDef) -> CodeType:
    module = ast.fix_missing_locations(ast.Module([function], []))
    compiled = compile(module, "<string>", "exec", dont_inherit=True)
    return next(const for const in compiled.co_consts if isinstance(const, CodeType))


# --- scopes ------------------------------------------------------------------------------------


def flush() -> None:
    """Sends on what the standard streams hold back."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


type Scope = dict[type, Callable[[object], object]]


def open_scope(converters: list[tuple[type, Callable[[object], object]]]) -> tuple[Scope, ...] | None:
    """Lets values of a class be converted on their way in; the first converter for a class counts. Gives what
    `close_scope` takes."""
    before = _host.set_converters(None)
    _host.set_converters((dict(reversed(converters)), *(before or ())))
    return before


def close_scope(before: tuple[Scope, ...] | None) -> None:
    """Ends the innermost scope."""
    _host.set_converters(before)


def converted(scopes: tuple[Scope, ...], value: object) -> object:
    """The value as the converters make it, those of the innermost scope first."""
    for scope in scopes:
        converter = scope.get(type(value))
        if converter is not None:
            value = converter(value)
    return value


# --- classes and modules of the host -----------------------------------------------------------


def make_class(name, doc, module, new, methods, properties, iterate):
    """A class whose instances hold a value of the host. `new` makes the value, or is `None`;
    `methods` and the getters and setters of `properties` take it first."""

    def method(function):
        def call(self, /, *args, **kwargs):
            return function(self, *args, **kwargs)

        _present(call, function, name)
        return call

    def make(cls, /, *args, **kwargs):
        return _host.Object.__new__(cls, new(*args, **kwargs))

    def refuse(cls, /, *args, **kwargs):
        raise TypeError(f"cannot create '{name}' instances")

    namespace = {
        "__doc__": doc,
        "__module__": module,
        "__slots__": ("__weakref__",),
        "__new__": refuse if new is None else make,
        "__reduce_ex__": _no_pickle,
    }
    if new is not None:
        namespace["__signature__"] = new.__signature__
    for key, function in methods.items():
        namespace[key] = method(function)
    for key, (getter, setter) in properties.items():
        namespace[key] = property(getter, setter)
    for key in ("__setattr__", "__delattr__"):
        if key in methods and properties:
            namespace[key] = _for_others(namespace[key], frozenset(properties))
    if iterate is not None:
        namespace["__iter__"] = lambda self: iter(iterate(self))
    return type(name, (_host.Object,), namespace)


def _for_others(call, properties):
    """`__setattr__` or `__delattr__` of a class, for attributes that are not its properties."""
    usual = getattr(object, call.__name__)

    @functools.wraps(call)
    def change(self, name, /, *value):
        return (usual if name in properties else call)(self, name, *value)

    return change


def _present(call, function, name: str) -> None:
    """Makes a method look like the function that it calls."""
    parameters = list(function.__signature__.parameters.values())
    receiver = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    # The receiver is the function's first parameter.
    if parameters and parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL:
        parameters = parameters[1:]
    call.__name__ = function.__name__
    call.__qualname__ = f"{name}.{function.__name__}"
    call.__doc__ = function.__doc__
    call.__signature__ = inspect.Signature([receiver, *parameters])


def _no_pickle(self, protocol):
    raise TypeError(f"cannot pickle '{type(self).__name__}' object: its value is the host's")


def make_instance(cls: type, value: object) -> object:
    """An instance of a class of the host that holds the value."""
    return _host.Object.__new__(cls, value)


def add_module(
    name: str, doc: str | None, members: dict[str, object], classes: list[tuple]
) -> ModuleType:
    """Makes a module of the host importable; packages on the way to it are made as needed."""
    path, parent = "", None
    for part in name.split("."):
        path = f"{path}.{part}" if path else part
        module = sys.modules.get(path)
        if module is None:
            module = ModuleType(path)
            module.__path__ = []
            module.__spec__ = importlib.machinery.ModuleSpec(path, None, is_package=True)
            sys.modules[path] = module
            if parent is not None:
                setattr(parent, part, module)
        parent = module
    module.__doc__ = doc
    for key, member in members.items():
        setattr(module, key, member)
    for parts in classes:
        made = make_class(*parts)
        setattr(module, made.__name__, made)
    return module
