"""Writes the guest's `_sysconfigdata` without what belongs to the machine it was built on.

usage: sysconfigdata.py GENERATED TARGET BUILD_FOLDER
"""

import pprint
import runpy
import sys

# Programs of the building machine, which the guest neither has nor could run.
MACHINE = ("INSTALL", "MKDIR_P", "PYTHON_FOR_", "HOSTRUNNER", "TESTRUNNER", "TESTPYTHON", "BUILD_GNU_TYPE")


def main(generated: str, target: str, folder: str) -> None:
    values: dict[str, object] = runpy.run_path(generated)["build_time_vars"]
    kept = {
        name: value.replace(folder, "/build") if isinstance(value, str) else value
        for name, value in values.items()
        if not name.startswith(MACHINE)
    }
    with open(target, "w", encoding="utf-8") as file:
        file.write("# system configuration generated and used by the sysconfig module\n")
        file.write("build_time_vars = ")
        pprint.pprint(kept, stream=file)


main(*sys.argv[1:])
