"""What a module offers, as plain data: for wrappers that the host writes. Imported when asked for."""

import importlib
import inspect
from annotationlib import Format, ForwardRef, get_annotations
from types import ModuleType

_MOST = 2_000
_LONGEST = 20_000


def describe(name: str) -> dict[str, object]:
    """Functions, classes and constants of a module: those in `__all__`, else all without an underscore
    that are its own."""
    module = importlib.import_module(name)
    listed = getattr(module, "__all__", None)
    if isinstance(listed, (list, tuple)):
        names = [key for key in listed if isinstance(key, str)]
    else:
        names = [key for key in dir(module) if not key.startswith("_")]
        names = [key for key in names if _is_own(module, getattr(module, key, None))]
    functions, classes, constants = [], [], []
    for key in names[:_MOST]:
        value = getattr(module, key, None)
        if isinstance(value, ModuleType):
            continue
        if isinstance(value, type):
            if not issubclass(value, BaseException):
                classes.append(_class(key, value))
        elif callable(value):
            functions.append(_function(key, value, value, False))
        else:
            constants.append({"name": key, "kind": type(value).__name__})
    return {
        "name": name,
        "doc": _doc(module),
        "functions": functions,
        "classes": classes,
        "constants": constants,
    }


def _is_own(module: ModuleType, value: object) -> bool:
    origin = getattr(value, "__module__", None)
    return not isinstance(origin, str) or origin == module.__name__


def _doc(value: object) -> str:
    doc = inspect.getdoc(value)
    return doc[:_LONGEST] if isinstance(doc, str) else ""


def _annotation(value: object) -> str:
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, ForwardRef):
        return value.__forward_arg__
    return value if isinstance(value, str) else "None" if value is None else ""


def _function(name: str, value: object, raw: object, is_method: bool) -> dict[str, object]:
    try:
        # Names that are missing are no error.
        signature = inspect.signature(value, annotation_format=Format.FORWARDREF)
        parameters = list(signature.parameters.values())[:_MOST]
    except (TypeError, ValueError):
        return {"name": name, "doc": _doc(value), "parameters": None, "returns": ""}
    if is_method and not isinstance(raw, (staticmethod, classmethod)):
        parameters = parameters[1:]
    return {
        "name": name,
        "doc": _doc(value),
        "parameters": [
            {
                "name": parameter.name,
                "kind": int(parameter.kind),
                "optional": parameter.default is not parameter.empty,
                "annotation": _annotation(parameter.annotation),
            }
            for parameter in parameters
        ],
        "returns": _annotation(signature.return_annotation),
    }


def _returns(getter: object) -> object:
    try:
        return get_annotations(getter, format=Format.FORWARDREF).get("return", "")
    except Exception:  # of the program's own code, or not annotated
        return ""


def _class(name: str, value: type) -> dict[str, object]:
    methods, properties = [], []
    for key in dir(value)[:_MOST]:
        if key.startswith("_"):
            continue
        raw = inspect.getattr_static(value, key)
        bound = getattr(value, key, None)
        if inspect.isdatadescriptor(raw):
            getter = getattr(raw, "fget", None)
            returns = _returns(getter)
            settable = not isinstance(raw, property) or raw.fset is not None
            properties.append(
                {
                    "name": key,
                    "doc": _doc(raw),
                    "returns": _annotation(returns),
                    "settable": settable,
                }
            )
        elif callable(bound) and not isinstance(bound, type):
            methods.append(_function(key, bound, raw, True))
    constructor = _function(name, value, value, False)
    return {
        "name": name,
        "doc": _doc(value),
        "constructor": constructor,
        "methods": methods,
        "properties": properties,
    }
