"""What the bridge and the host ask for in Python's own words: signatures, exceptions, classes and
modules of the host."""

import importlib
import inspect

_KINDS = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.VAR_KEYWORD,
)


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
    """The exception that a function of the host raises: of a class, or of one named `module.Name`."""
    if isinstance(kind, type):
        return kind(message)
    module, _, name = kind.rpartition(".")
    try:
        made = getattr(importlib.import_module(module or "builtins"), name)(message)
    except Exception:
        made = None
    return made if isinstance(made, BaseException) else RuntimeError(f"{kind}: {message}")
