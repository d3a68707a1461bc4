"""Bytecode of packages, kept outside of the folders they are in.

It names the content it was made from. Where that has changed Python compiles anew, as where there is none.
"""

import _imp
import os
from importlib import _bootstrap_external as importing

_folders: tuple[str, ...] = ()
_place = ""
_cache_from_source = importing.cache_from_source


def use(folders: list[str], place: str) -> None:
    """Look for the bytecode of what is in these folders below a place, under the same names."""
    global _folders, _place
    _folders, _place = tuple(folder.rstrip("/") + "/" for folder in folders), place
    importing.cache_from_source = _kept_from_source


def _kept_from_source(path, debug_override=None, *, optimization=None):
    found = _cache_from_source(path, debug_override, optimization=optimization)
    return _place + found if found.startswith(_folders) else found


def compile_files(folder: str, names: list[str], out: str) -> int:
    """Compile files of a folder, by their names in it, to where `use` finds them; how many could be."""
    compiled = 0
    for name in names:
        path = f"{folder}/{name}"
        try:
            with open(path, "rb") as file:
                source = file.read()
            code = compile(source, path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError, OSError):
            continue  # importing it will say so
        hashed = _imp.source_hash(_imp.pyc_magic_number_token, source)
        target = f"{out}/{_cache_from_source(name)}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(importing._code_to_hash_pyc(code, hashed, True))
        compiled += 1
    return compiled
