"""What surrounds a program: becoming `__main__`, running a module, tracebacks, and the end."""

import atexit
import codeop
import gc
import importlib.machinery
import linecache
import runpy
import sys
from types import CodeType, ModuleType

from _ophidia import errors

_folder = __file__.removesuffix("launch.py")
_modules = sys.modules
_known: frozenset[str] = frozenset()
_last: tuple[str, object] | None = None


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
        main["__loader__"] = importlib.machinery.SourceFileLoader("__main__", filename)


def run_module(name: str) -> None:
    """Run a module as `python3 -m` does."""
    try:
        runpy._get_module_details(name, runpy._Error)
    except runpy._Error as error:
        sys.exit(str(error))
    runpy._run_module_as_main(name)


def is_complete(source: str) -> bool:
    """Tell whether the text can be run; text with an error can, and will say so."""
    try:
        return codeop.compile_command(source, symbol="single") is not None
    except (SyntaxError, ValueError, OverflowError):
        return True


def format_exception(exc: BaseException, code: CodeType | None, source: bytes) -> str:
    """Format an exception as python3 prints it. `source` is the text `code` was compiled from."""
    sys.last_exc = exc
    sys.last_type, sys.last_value, sys.last_traceback = type(exc), exc, exc.__traceback__
    if code is not None and code.co_filename.startswith("<"):
        linecache._register_code(code, source.decode("utf-8", "replace"), code.co_filename)
    skipped = exc.__traceback__
    while skipped is not None and skipped.tb_frame.f_code.co_filename.startswith(_folder):
        skipped = skipped.tb_next
    return errors.formatted(exc, skipped)


def finish() -> None:
    """End the program as python3 does: exit callbacks, then its objects, then the streams."""
    atexit._run_exitfuncs()
    sys.last_exc = sys.last_type = sys.last_value = sys.last_traceback = None
    modules = []
    for item in reversed(_modules.items()):
        if item == _last:  # those before it are known: to look at them all would touch many pages
            break
        if item[0] not in _known:
            modules.append(item[1])
    for module in [_modules.get("__main__"), *reversed(modules)]:
        if type(module) is ModuleType:
            _clear(module.__dict__)
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not getattr(stream, "closed", True):
            stream.flush()


def _clear(names: dict[str, object]) -> None:
    for name in list(names):
        if name.startswith("_") and not name.startswith("__"):
            names[name] = None
    for name in list(names):
        if not name.startswith("__"):
            names[name] = None
