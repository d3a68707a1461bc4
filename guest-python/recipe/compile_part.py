"""Compiles every Nth file of a folder of the guest's library to bytecode.

Bytecode depends on what is alive in the process that writes it: a string that something else has
interned already is another object than an equal one that has not been, and `marshal` marks what has
more than one owner. So each file is compiled in a child of its own, and their parent, which must be
started with PYTHONPYCACHEPREFIX, has found no bytecode of the modules it imported, which would
have left other strings than their sources. Then the same source gives the same bytes, whatever was
compiled before it.

usage: compile_part.py FOLDER PATH_IN_THE_GUEST PART PARTS
"""

import importlib.util
import marshal
import os
import sys

HASHED_NOT_CHECKED = 1  # PEP 552: the source's hash stands there and is not compared


def compile_file(path: str, name: str) -> None:
    with open(path, "rb") as file:
        source = file.read()
    data = marshal.dumps(compile(source, name, "exec", dont_inherit=True))
    target = importlib.util.cache_from_source(path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    flags = HASHED_NOT_CHECKED.to_bytes(4, "little")
    hash = importlib.util.source_hash(source)
    with open(target, "wb") as file:
        file.write(importlib.util.MAGIC_NUMBER + flags + hash + data)


def in_a_child(path: str, name: str) -> None:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            compile_file(path, name)
            status = 0
        finally:
            if status:
                sys.excepthook(*sys.exc_info())
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit(f"{path}: its compilation ended with status {os.waitstatus_to_exitcode(status)}")


def main(root: str, guest: str, part: int, parts: int) -> None:
    assert sys.pycache_prefix, "PYTHONPYCACHEPREFIX must name a folder that is not there"
    sys.pycache_prefix = None  # what is written here goes beside its source
    names = [
        os.path.relpath(os.path.join(folder, name), root)
        for folder, _, files in os.walk(root)
        for name in files
        if name.endswith(".py")
    ]
    for name in sorted(names)[part::parts]:
        in_a_child(os.path.join(root, name), f"{guest}/{name}")
        print(os.path.basename(name), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
