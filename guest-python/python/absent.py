"""Modules of a Unix system that WASI has nothing for.

They import, so that packages which ask for them do, and say why when they are used.
"""

import errno
import operator
import os
import posix
import sys
import time
from collections import namedtuple
from types import ModuleType
from typing import NoReturn

from _ophidia import _host, absent_ctypes


def _refusal(error: type[OSError], code: int, why: str):
    def make(name: str):
        def refused(*args: object, **kwargs: object) -> NoReturn:
            raise error(code, why)

        refused.__name__ = refused.__qualname__ = name
        return refused

    return make


def _module(name: str, doc: str, **names: object) -> None:
    module = ModuleType(name, doc)
    for key, value in names.items():
        if getattr(value, "__module__", None) == __name__:
            value.__module__, value.__qualname__ = name, key
        setattr(module, key, value)
    sys.modules[name] = module


def _numbered(text: str, first: int = 0) -> dict[str, int]:
    return {name: number for number, name in enumerate(text.split(), first)}


def _termios() -> None:
    class error(Exception):
        pass

    refuse = _refusal(error, errno.ENOTTY, "no terminal can be set up from inside the sandbox")
    functions = "tcgetattr tcsetattr tcsendbreak tcdrain tcflush tcflow tcgetwinsize tcsetwinsize"
    flags = {
        name: 1 << bit
        for bit, name in enumerate(
            "IGNBRK BRKINT IGNPAR PARMRK INPCK ISTRIP INLCR IGNCR ICRNL IUCLC IXON IXANY IXOFF IMAXBEL".split()
        )
    }
    _module(
        "termios",
        "Terminals, of which the sandbox has none to set up.",
        error=error,
        **{name: refuse(name) for name in functions.split()},
        **_numbered("TCSANOW TCSADRAIN TCSAFLUSH"),
        **_numbered("TCIFLUSH TCOFLUSH TCIOFLUSH"),
        **_numbered("VINTR VQUIT VERASE VKILL VEOF VTIME VMIN VSWTC VSTART VSTOP VSUSP VEOL"),
        **flags,
        OPOST=1,
        ONLCR=4,
        CSIZE=0o60,
        CS5=0,
        CS6=0o20,
        CS7=0o40,
        CS8=0o60,
        CSTOPB=0o100,
        CREAD=0o200,
        PARENB=0o400,
        PARODD=0o1000,
        HUPCL=0o2000,
        CLOCAL=0o4000,
        ISIG=1,
        ICANON=2,
        ECHO=8,
        ECHOE=16,
        ECHOK=32,
        ECHONL=64,
        NOFLSH=128,
        TOSTOP=256,
        IEXTEN=0o100000,
        TIOCGWINSZ=0x5413,
        TIOCSWINSZ=0x5414,
        FIONREAD=0x541B,
    )


def _mmap() -> None:
    why = "files cannot be mapped into memory in the sandbox: read them"

    class mmap:
        """A file in memory, which WASI does not have."""

        def __init__(self, *args: object, **kwargs: object) -> None:
            raise OSError(errno.ENOTSUP, why)

    _module(
        "mmap",
        "Files in memory, which WASI does not have.",
        mmap=mmap,
        error=OSError,
        PAGESIZE=65536,
        ALLOCATIONGRANULARITY=65536,
        ACCESS_DEFAULT=0,
        ACCESS_READ=1,
        ACCESS_WRITE=2,
        ACCESS_COPY=3,
        MAP_SHARED=1,
        MAP_PRIVATE=2,
        MAP_ANON=32,
        MAP_ANONYMOUS=32,
        PROT_READ=1,
        PROT_WRITE=2,
        PROT_EXEC=4,
    )


def _fcntl() -> None:
    refuse = _refusal(
        OSError, errno.ENOSYS, "descriptors cannot be controlled, nor files locked, in the sandbox"
    )
    _module(
        "fcntl",
        "Control of descriptors, which WASI does not have.",
        **{name: refuse(name) for name in ("fcntl", "ioctl", "flock", "lockf")},
        F_DUPFD=0,
        F_GETFD=1,
        F_SETFD=2,
        F_GETFL=3,
        F_SETFL=4,
        F_GETLK=5,
        F_SETLK=6,
        F_SETLKW=7,
        FD_CLOEXEC=1,
        F_DUPFD_CLOEXEC=1030,
        F_RDLCK=0,
        F_WRLCK=1,
        F_UNLCK=2,
        LOCK_SH=1,
        LOCK_EX=2,
        LOCK_NB=4,
        LOCK_UN=8,
    )


def _users() -> None:
    user = namedtuple("struct_passwd", "pw_name pw_passwd pw_uid pw_gid pw_gecos pw_dir pw_shell")
    group = namedtuple("struct_group", "gr_name gr_passwd gr_gid gr_mem")
    one, own = user("user", "x", 0, 0, "", "/home/user", ""), group("user", "x", 0, ["user"])

    def finder(name: str, what: str, known: object, entry: object):
        def look_up(key: object, /) -> object:
            if key != known:
                raise KeyError(f"{name}(): {what} not found: {key!r} (there is one user in the sandbox)")
            return entry

        look_up.__name__ = look_up.__qualname__ = name
        return look_up

    _module(
        "pwd",
        "Users, of which the sandbox has one.",
        struct_passwd=user,
        getpwuid=finder("getpwuid", "uid", 0, one),
        getpwnam=finder("getpwnam", "name", "user", one),
        getpwall=lambda: [one],
    )
    _module(
        "grp",
        "Groups of users, of which the sandbox has one.",
        struct_group=group,
        getgrgid=finder("getgrgid", "gid", 0, own),
        getgrnam=finder("getgrnam", "name", "user", own),
        getgrall=lambda: [own],
    )


def _resource() -> None:
    fields = (
        "utime stime maxrss ixrss idrss isrss minflt majflt nswap inblock oublock msgsnd msgrcv nsignals nvcsw "
        "nivcsw"
    )
    usage = namedtuple("struct_rusage", [f"ru_{name}" for name in fields.split()])

    def getrusage(who: int, /):
        return usage(time.process_time(), 0.0, *[0] * 14)

    def getrlimit(resource: int, /) -> tuple[int, int]:
        return (-1, -1)

    _module(
        "resource",
        "Limits and usage; the host's own limits are not told here.",
        error=OSError,
        struct_rusage=usage,
        getrusage=getrusage,
        getrlimit=getrlimit,
        getpagesize=lambda: 65536,
        setrlimit=_refusal(OSError, errno.EPERM, "limits are the host's to set")("setrlimit"),
        RUSAGE_SELF=0,
        RUSAGE_CHILDREN=-1,
        RLIM_INFINITY=-1,
        **_numbered(
            "RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS RLIMIT_NPROC "
            "RLIMIT_NOFILE RLIMIT_MEMLOCK RLIMIT_AS"
        ),
    )


def _os() -> None:
    mask = 0o022

    def umask(mask_: int, /) -> int:
        """Files of the sandbox have no permissions: the mask is kept, and of no effect."""
        nonlocal mask
        mask, before = mask_ & 0o777, mask
        return before

    functions = {name: lambda: 0 for name in ("getuid", "geteuid", "getgid", "getegid")}
    functions |= {"getgroups": lambda: [0], "umask": umask, "getlogin": lambda: "user", "getppid": lambda: 0}
    # As with chmod: files have no owners.
    functions["chown"] = lambda path, uid, gid, *, dir_fd=None, follow_symlinks=True: None
    functions["lchown"] = lambda path, uid, gid: None
    for name, function in functions.items():
        if not hasattr(posix, name):
            function.__name__ = function.__qualname__ = name
            function.__module__ = "posix"
            setattr(posix, name, function)
            setattr(os, name, function)
            os.__all__.append(name)


def _descriptors() -> None:
    def dup(fd: int, /) -> int:
        """Another number for what the descriptor is of."""
        return _host.duplicate(_number(fd))

    def dup2(fd: int, fd2: int, inheritable: bool = True) -> int:
        """The same, with this number, which is closed first."""
        fd2 = _number(fd2)
        if fd2 < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return _host.duplicate(_number(fd), fd2)

    for function in (dup, dup2):
        function.__qualname__ = function.__name__
        function.__module__ = "posix"
        setattr(posix, function.__name__, function)
        setattr(os, function.__name__, function)
    if "dup2" not in os.__all__:
        os.__all__.append("dup2")


def _number(fd: int) -> int:
    number = operator.index(fd)
    if not -(1 << 31) <= number < 1 << 31:
        raise OverflowError("Python int too large to convert to C int")
    return number


def install() -> None:
    """Make them importable."""
    _termios()
    _mmap()
    _fcntl()
    _users()
    _resource()
    _os()
    _descriptors()
    sys.modules["_ctypes"] = absent_ctypes
