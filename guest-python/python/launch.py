"""What surrounds a program: becoming `__main__`, running a module, tracebacks, and the end."""

import _io
import atexit
import codeop
import gc
import linecache
import runpy
import sys
import zipimport
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

from _ophidia import _host, errors, rest, sources

_modules = sys.modules
_known: frozenset[str] = frozenset()
_last: tuple[str, object] | None = None
_stdout, _stderr = sys.stdout, sys.stderr
_buffers = (_stdout.buffer, _stderr.buffer)
_NOTHING = compile("", "<nothing>", "exec")


def remember_modules() -> None:
    """Take note of the modules the snapshot holds; `finish` leaves these alone."""
    global _known, _last
    _known = frozenset(_modules)
    _last = next(reversed(_modules.items()))


def prepare_main(filename: str) -> None:
    """Give `__main__` what python3 gives it when it runs a file."""
    main = sys.modules["__main__"].__dict__
    if filename == "<string>":
        return
    main["__file__"] = filename
    main["__cached__"] = None
    if not filename.startswith("<"):
        main["__loader__"] = SourceFileLoader("__main__", filename)


def run_module(name: str) -> None:
    """Run a module as `python3 -m` does or, of the name `/`, the `__main__` of the folder or archive that is
    `sys.path[0]`. Its text may await at the top level."""
    is_folder = name == "/"
    if is_folder:
        name = "__main__"
    awaiting = None
    try:
        if is_folder:
            runpy._get_main_module_details(runpy._Error)
        else:
            runpy._get_module_details(name, runpy._Error)
    except runpy._Error as error:
        sys.exit(str(error))
    except SyntaxError:
        awaiting = _awaiting(name)
        if awaiting is None:
            raise
    if awaiting is None:
        runpy._run_module_as_main(name, not is_folder)
        return
    spec, code = awaiting
    names = _modules["__main__"].__dict__
    if not is_folder:
        sys.argv[0] = spec.origin
    runpy._run_code(_NOTHING, names, None, "__main__", spec)  # which sets what a main module finds
    rest.complete(eval(code, names))


def _awaiting(name: str) -> tuple[ModuleSpec, CodeType] | None:
    """Where a module is that cannot be compiled unless its text may await, and its code. None where something
    else is wrong, with it or with a package that it is in."""
    # An archive compiles what it is only asked for.
    compiles, zipimport._compile_source = zipimport._compile_source, _compile
    try:
        while True:
            parent = name.rpartition(".")[0]
            if parent and parent not in _modules:
                return None
            spec = PathFinder.find_spec(name, _modules[parent].__path__ if parent else None)
            if spec is None or spec.submodule_search_locations is None:
                break
            name += ".__main__"
        if spec is None or spec.origin is None:
            return None
        return spec, _compile(spec.origin, spec.loader.get_data(spec.origin))
    except SyntaxError:
        return None
    finally:
        zipimport._compile_source = compiles


def _compile(path: str, source: bytes) -> CodeType:
    return compile(source, path, "exec", PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def is_complete(source: str) -> bool:
    """Tell whether the text can be run; text with an error can, and will say so."""
    try:
        return codeop.compile_command(source, symbol="single") is not None
    except (SyntaxError, ValueError, OverflowError):
        return True


# --- exceptions --------------------------------------------------------------------------------


def format_exception(exc: BaseException, code: CodeType | None, source: bytes) -> str:
    """Format an exception as python3 prints it. `source` is the text `code` was compiled from."""
    if code is not None and code.co_filename.startswith("<"):
        sources.register(code, source)
    return errors.formatted(exc, errors.own_frames(exc))


def show(exc: BaseException, code: CodeType | None, source: bytes) -> str:
    """Show the exception that has ended the main program, as python3 does: by its hook, and where it has put
    `sys.stderr`. Gives what is left for the host to show: nothing, when the program has seen to it."""
    text = format_exception(exc, code, source)
    sys.last_exc = exc
    sys.last_type, sys.last_value, sys.last_traceback = type(exc), exc, exc.__traceback__
    missing = object()
    hook = getattr(sys, "excepthook", missing)
    if hook is missing:
        text = f"sys.excepthook is missing\n{text}"
    elif hook is not sys.__excepthook__:
        try:
            hook(type(exc), exc, exc.__traceback__)
            return ""
        except SystemExit:
            raise
        except BaseException as second:
            told = errors.formatted(
                second, errors.own_frames(second.with_traceback(second.__traceback__.tb_next))
            )
            text = f"Error in sys.excepthook:\n{told}\nOriginal exception was:\n{text}"
    return "" if _written(text) else text


def show_exit(code: object) -> bool:
    """Print what `sys.exit` was given where the program has put `sys.stderr`; whether it has."""
    return _written(f"{code}", "\n")


def _written(*texts: str) -> bool:
    """Whether the text has gone where the program wants errors; the host's is where they go of themselves."""
    stream = getattr(sys, "stderr", None)
    if stream is _stderr:
        return False
    if stream is not None:
        try:
            for text in texts:
                stream.write(text)
            stream.flush()
        except Exception:
            pass  # as python3, which has nowhere to say so
    return True


# --- a template --------------------------------------------------------------------------------

_of_template: list[object] = []


def settle() -> None:
    """Leave all that there is for others to begin with.

    The collector does not come to it, references to it are not counted, and what has something to do at its
    end is noted for the end of their programs.
    """
    gc.collect()
    _of_template.extend(value for value in gc.get_objects() if hasattr(type(value), "__del__"))
    gc.freeze()
    _host.settle()


# --- the end -----------------------------------------------------------------------------------


def finish() -> None:
    """End the program as python3 does: what waits for the end, then its objects, then the streams."""
    try:
        rest.finish()
    except BaseException as error:
        _tell(f"Exception ignored at the end of the event loop:\n{_plain(error)}")
    atexit._run_exitfuncs()
    failed = _flush_standard()
    sys.last_exc = sys.last_type = sys.last_value = sys.last_traceback = None
    gc.collect()
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
    _finalize()
    for module in _own_modules():
        _clear(module.__dict__)
    gc.collect()
    for stream in (_stdout, _stderr, *_buffers):  # also when they were detached
        try:
            stream.flush()
        except ValueError:
            pass
        except OSError as error:
            failed = failed or error
    if failed:
        raise failed


def _flush_standard() -> BaseException | None:
    """Flush `sys.stdout` and `sys.stderr`. What fails is told, for the first of them by text."""
    failed = None
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name, None)
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except BaseException as error:
            failed = failed or error
            if name == "stdout":
                _tell(f"Exception ignored while flushing sys.stdout:\n{_plain(error)}")
    return failed


def _tell(text: str) -> None:
    try:
        stream = sys.stderr
        stream.write(text)
        stream.flush()
    except Exception:
        pass


def _plain(error: BaseException) -> str:
    """The traceback as python3 prints it where it is about to end: without source that no file has."""
    lines = []
    frames = errors.own_frames(error)
    shown = errors.formatted(error.with_traceback(None), None)
    while frames is not None:
        code = frames.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {frames.tb_lineno}, in {code.co_name}\n')
        if line := linecache.getline(code.co_filename, frames.tb_lineno).strip():
            lines.append(f"    {line}\n")
        frames = frames.tb_next
    return errors.cut("".join(["Traceback (most recent call last):\n", *lines] if lines else []) + shown)


def _finalize() -> None:
    """Call what the program's objects have for their end, while all of them are whole.

    Files are written out first, the outer streams before those inside them. What the snapshot holds stays; of
    what a template holds, no reference that goes away ends anything.
    """
    objects = [*_of_template, *gc.get_objects()]
    streams = [value for value in objects if issubclass(type(value), _io._IOBase)]
    for kind in (_io._TextIOBase, _io._BufferedIOBase):
        for stream in streams:
            if issubclass(type(stream), kind):
                try:
                    stream.flush()
                except Exception:
                    pass  # closed, or to be told nobody
    _host.finalize([value for value in objects if not issubclass(type(value), _io._IOBase)])


def _own_modules() -> list[ModuleType]:
    """The modules of the program. Those before `_last` are known: to look at them would touch many pages."""
    modules = []
    for item in reversed(_modules.items()):
        if item == _last:
            break
        if item[0] not in _known:
            modules.append(item[1])
    modules = [_modules.get("__main__"), *reversed(modules)]
    return [module for module in modules if type(module) is ModuleType]


def _clear(names: dict[object, object]) -> None:
    texts = [name for name in names if isinstance(name, str) and not name.startswith("__")]
    for name in sorted(texts, key=lambda name: not name.startswith("_")):
        names[name] = None
    for name in [name for name in names if not isinstance(name, str)]:
        names[name] = None
