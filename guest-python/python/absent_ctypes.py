"""What `ctypes` is made of, without foreign functions. It stands where `_ctypes` would.

Types can be defined and measured, numbers held, and nothing called.
"""

import struct
from typing import NoReturn

__name__ = "_ctypes"  # what its classes say of themselves
__version__ = "1.1.0"

_WHY = "ctypes: there is no native code in the sandbox to load, call or point into"
_POINTER_SIZE = struct.calcsize("P")
_CODES = {"u": "I", "z": "P", "Z": "P", "O": "P", "v": "h", "g": "d", "X": "P"}


def _refuse(*args: object, **kwargs: object) -> NoReturn:
    raise NotImplementedError(_WHY)


class ArgumentError(Exception):
    """An argument that a foreign function does not take."""


class CField:
    """What describes a field of a structure; none is made."""


class _Meta(type):
    def __init__(cls, name: str, bases: tuple[type, ...], names: dict[str, object]) -> None:
        super().__init__(name, bases, names)
        code = names.get("_type_")
        if isinstance(code, str) and code in "DFG":
            raise AttributeError(f"{name}: there are no complex numbers of C in the sandbox")
        if isinstance(code, _Meta) and issubclass(cls, _Pointer):
            code.__pointer_type__ = cls

    @property
    def __pointer_type__(cls) -> type:
        """The type of pointers to its values, where there is one."""
        if "_pointer_type" not in vars(cls):
            raise AttributeError(f"type {cls.__name__} has no attribute '__pointer_type__'")
        return cls._pointer_type

    @__pointer_type__.setter
    def __pointer_type__(cls, kind: type) -> None:
        cls._pointer_type = kind

    def __mul__(cls, length: int) -> type:
        if length < 0:
            raise ValueError("Array length must be >= 0, not " + str(length))
        return _Meta(f"{cls.__name__}_Array_{length}", (Array,), {"_length_": length, "_type_": cls})

    __rmul__ = __mul__

    def from_param(cls, value: object) -> object:
        return value

    from_address = from_buffer = from_buffer_copy = in_dll = _refuse


class _CData(metaclass=_Meta):
    def __init__(self, *args: object, **kwargs: object) -> None:
        _refuse()


class _SimpleCData(_CData):
    """A number or a character, as C has it."""

    def __init__(self, value: object = None) -> None:
        self._held = 0
        self.value = value

    @property
    def value(self) -> object:
        code = self._type_
        if code == "?":
            return bool(self._held)
        if code == "c":
            return bytes([self._held])
        if code == "u":
            return chr(self._held)
        return self._held

    @value.setter
    def value(self, value: object) -> None:
        code = self._type_
        if value is None:
            self._held = None if code in "zZPO" else 0
        elif code in "fdg":
            self._held = struct.unpack("f", struct.pack("f", value))[0] if code == "f" else float(value)
        elif code in "zZOX":
            self._held = value
        elif code in "cu":
            self._held = (
                value[0] if isinstance(value, bytes) else value if isinstance(value, int) else ord(value)
            )
        elif code == "?":
            self._held = bool(value)
        else:
            bits = 8 * sizeof(type(self))
            number = value.__index__() & ((1 << bits) - 1)
            signed = code in "bhilqv" and number >> (bits - 1)
            self._held = number - (1 << bits) if signed else number

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"

    def __bool__(self) -> bool:
        return bool(self._held)


class Structure(_CData):
    """A structure, which can be defined and not made."""


class Union(_CData):
    """A union, which can be defined and not made."""


class Array(_CData):
    """An array, which can be defined and not made."""

    _length_ = 0
    _type_: object = None


class _Pointer(_CData):
    """A pointer, to nothing."""


class CFuncPtr(_CData):
    """A foreign function, of which there is none."""

    _flags_ = 0
    restype = argtypes = errcheck = None

    def __init__(self, *args: object) -> None:
        self._args = args

    __call__ = _refuse


def alignment(kind: object) -> int:
    """Of a type or a value."""
    kind = kind if isinstance(kind, type) else type(kind)
    if issubclass(kind, _SimpleCData):
        return sizeof(kind)
    if issubclass(kind, Array):
        return alignment(kind._type_)
    if issubclass(kind, (Structure, Union)):
        return max((alignment(field[1]) for field in _fields(kind)), default=1)
    return _POINTER_SIZE


def sizeof(kind: object) -> int:
    """In bytes, of a type or a value."""
    kind = kind if isinstance(kind, type) else type(kind)
    if not issubclass(kind, _CData):
        raise TypeError("this type has no size")
    if issubclass(kind, _SimpleCData):
        return struct.calcsize(_CODES.get(kind._type_, kind._type_))
    if issubclass(kind, Array):
        return kind._length_ * sizeof(kind._type_)
    if not issubclass(kind, (Structure, Union)):
        return _POINTER_SIZE
    size = 0
    for field in _fields(kind):
        each, step = sizeof(field[1]), alignment(field[1])
        size = max(size, each) if issubclass(kind, Union) else -(-size // step) * step + each
    return -(-size // alignment(kind)) * alignment(kind)


def _fields(kind: type) -> list[tuple]:
    return [field for one in reversed(kind.__mro__) for field in vars(one).get("_fields_", ())]


def dlopen(name: object, flags: int = 0) -> int:
    """Opens no library; the process itself has a handle without anything behind it."""
    if name is None:
        return 0
    raise OSError(f"{name}: cannot open shared object file: {_WHY}")


byref = addressof = resize = dlsym = dlclose = call_function = call_cdeclfunction = _refuse
RTLD_LOCAL, RTLD_GLOBAL = 0, 256
FUNCFLAG_CDECL, FUNCFLAG_PYTHONAPI, FUNCFLAG_USE_ERRNO, FUNCFLAG_USE_LASTERROR = 1, 4, 8, 16
SIZEOF_TIME_T = 8
_memmove_addr = _memset_addr = _string_at_addr = _wstring_at_addr = _cast_addr = _memoryview_at_addr = 0


def get_errno() -> int:
    """That of no foreign function."""
    return 0


def set_errno(value: int, /) -> int:
    """Sets nothing."""
    return 0
