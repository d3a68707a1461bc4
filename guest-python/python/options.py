"""Options of python3 that still have a meaning when the interpreter is there already."""

import faulthandler
import sys
import tracemalloc
import warnings

from _ophidia import _host


def apply(warn: list[str], optimize: int, unbuffered: bool, extra: list[str]) -> None:
    """`-W`, `-O`, `-u` and `-X`. One that cannot be honoured is a ValueError."""
    for option in extra:
        name, _, value = option.partition("=")
        sys._xoptions[name] = value or True
        if name == "dev":
            _host.set_flag("dev_mode", True)
            warn = ["default", *warn]
            faulthandler.enable()
        elif name == "tracemalloc":
            tracemalloc.start(int(value or 1))
        elif name == "int_max_str_digits":
            sys.set_int_max_str_digits(int(value))
        elif name not in ("utf8", "faulthandler"):
            raise ValueError(
                f"-X {option}: not possible here (dev, tracemalloc[=N], int_max_str_digits=N, utf8 and "
                "faulthandler are)"
            )
    if warn:
        sys.warnoptions.extend(warn)
        warnings._processoptions(warn)
    if optimize:
        _host.set_flag("optimize", optimize)
        _host.set_optimization(optimize)
    if unbuffered:
        _host.set_flag("unbuffered", 1)
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(write_through=True)
