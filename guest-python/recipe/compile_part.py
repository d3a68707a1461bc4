"""Compiles every Nth file of a folder of the guest's library to bytecode, in a fixed order.

Bytecode files record which objects were shared while they were written, so the same files must be
compiled in the same order by a process that starts the same way. Several of these run side by side.

usage: compile_part.py FOLDER PATH_IN_THE_GUEST PART PARTS
"""

import pathlib
import py_compile
import sys


def main(folder: str, guest: str, part: int, parts: int) -> None:
    root = pathlib.Path(folder)
    files = sorted(root.rglob("*.py"))
    for path in files[part::parts]:
        py_compile.compile(
            str(path),
            dfile=f"{guest}/{path.relative_to(root).as_posix()}",
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        print(path.name, flush=True)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
