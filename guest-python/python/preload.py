"""Imported once, before the snapshot: what most programs import anyway, and the settling after it.

A module listed here costs a new interpreter nothing. A module is left out when importing it draws
entropy, reads the clock or the environment in a way that cannot be set right again afterwards.
"""

import gc
import importlib
import os
import sys
import warnings

MODULES = """
abc annotationlib argparse ast asyncio base64 bdb binascii bisect calendar cmath cmd codecs codeop collections
collections.abc colorsys concurrent.futures configparser contextlib contextvars copy copyreg csv
dataclasses datetime decimal difflib dis email email.message email.parser enum errno fnmatch
fractions functools glob graphlib gzip hashlib heapq hmac html html.parser http http.client importlib.metadata
importlib.resources inspect io ipaddress itertools json keyword linecache locale logging math
mimetypes numbers opcode operator os pathlib pickle pkgutil platform pprint queue quopri random re
reprlib runpy secrets select selectors shlex shutil signal socket sqlite3 ssl stat statistics string
string.templatelib stringprep struct subprocess tarfile tempfile textwrap threading time timeit token tokenize
traceback types typing unicodedata unittest urllib.parse urllib.request uuid warnings weakref
xml.etree.ElementTree zipfile zlib zoneinfo bz2 compression.zstd lzma encodings.ascii encodings.latin_1
encodings.idna encodings.utf_8_sig encodings.cp437 array _strptime
""".split()


def _warm() -> None:
    """Do some of what programs do first.

    CPython and packages learn while they run: instructions are specialized, classes get versions and
    caches, modules are looked up late. What is learnt here, no interpreter has to learn again, nor
    does it dirty the memory that this lies in.
    """
    import json
    import re

    for _ in range(16):
        json.loads(json.dumps({"key": [1, 2.5, None, True, "text"]}))
        re.search(r"(\w+)=(\d+)", "a key=1").groups()
        ", ".join(sorted({f"{number:>4}" for number in range(4)}, key=str.strip)).split()
        _each("warm")


async def _awaiting() -> None:
    """What programs that await do. Tasks are named, since others are counted."""
    import asyncio

    loop = asyncio.get_running_loop()
    await asyncio.sleep(0)
    await asyncio.sleep(1e-6)
    await loop.create_task(asyncio.sleep(0), name="warm")
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(1e-6), name="warm")
    called = interop.HostCall(loop=loop)
    loop.call_soon(called.set_result, None)
    await called


def _warm_rest() -> None:
    """Await a while, as programs at rest do."""
    for _ in range(16):
        nothing = rest.begin(None)
        rest.step(nothing, 0), rest.result(nothing)
        task = rest.loop().create_task(_awaiting(), name="warm")
        while rest.step(task, 0) is not None:
            pass
        rest.result(task)


def _settle() -> None:
    """Drop what importing left behind that belongs to this run and not to the next."""
    linecache = sys.modules["linecache"]
    linecache.clearcache()
    sys.modules["re"].purge()
    warnings.resetwarnings()
    warnings.filters[:] = _filters
    sys.argv = [""]
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        stream.reconfigure(line_buffering=True)


def _each(name: str) -> list:
    """Call this function of each package's own module; what they give."""
    functions = [getattr(module, name, None) for module in _own]
    return [function() for function in functions if function is not None]


from _ophidia import absent, packages  # noqa: E402

# Before anything imports `ssl`.
sys.modules["_ssl"] = importlib.import_module("_ophidia.tls")

_filters = list(warnings.filters)
for _name in MODULES:
    importlib.import_module(_name)
# Packages import what the guest does not have, and most do without it.
absent.install()
# Packages are left out where the host asks for an image without them.
_chosen = {} if os.environ.get("OPHIDIA_WITHOUT_PACKAGES") else packages.PRELOAD
for _name in [name for names in _chosen.values() for name in names]:
    importlib.import_module(_name)
_own = [importlib.import_module(f"_ophidia.packages.{_name}") for _name in packages.OWN if _name in _chosen]

import ophidia.dispatch  # noqa: E402
import ophidia.tasklets  # noqa: E402, F401
from _ophidia import (  # noqa: E402, F401
    clock,
    depth,
    domain,
    eventloop,
    headers,
    interop,
    kdf,
    lacking,
    launch,
    options,
    rest,
    sources,
)

depth.install()
clock.install()
eventloop.install()
headers.install()
kdf.install()
lacking.install()
sources.install()
_warm()
_warm_rest()
_each("settle")
_settle()
static = _each("static")
launch.remember_modules()
del _name, _chosen
gc.collect()
gc.freeze()
