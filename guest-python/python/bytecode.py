"""Bytecode of packages, kept outside of the folders they are in.

It names the content it was made from. Where that has changed Python compiles anew, as where there is none. So
Python reads the source too, unless it is as the host has noted it (`NOTES`): as long, and written and changed
at the same times.
"""

import _imp
import marshal
import os
import sys
from importlib import _bootstrap_external as importing

# A line for each source of a site: its size and its times, a tab, its name there.
NOTES = ".sources"

_folders: tuple[str, ...] = ()
_place = ""
_cache_from_source = importing.cache_from_source
_noted: dict[str, dict[str, str]] = {}


def use(folders: list[str], place: str) -> None:
    """Look for the bytecode of what is in these folders below a place, under the same names."""
    global _folders, _place
    _folders, _place = tuple(folder.rstrip("/") + "/" for folder in folders), place
    importing.cache_from_source = _kept_from_source
    sys.path_hooks.insert(0, _Finder)
    for path in [path for path in sys.path_importer_cache if f"{path}/".startswith(_folders)]:
        del sys.path_importer_cache[path]


def _kept_from_source(path, debug_override=None, *, optimization=None):
    found = _cache_from_source(path, debug_override, optimization=optimization)
    return _place + found if found.startswith(_folders) else found


def _notes(site: str) -> dict[str, str]:
    """What is noted of the sources of a site, by their paths."""
    if site not in _noted:
        try:
            with open(f"{_place}{site}{NOTES}", encoding="utf-8") as file:
                lines = [line.partition("\t") for line in file.read().split("\n")]
        except (OSError, ValueError):
            lines = []
        _noted[site] = {site + name: note for note, _, name in lines}
    return _noted[site]


class _Finder(importing.FileFinder):
    """Finds what has been noted without looking into the folder; all else as usual."""

    def __init__(self, path: str):
        site = next((folder for folder in _folders if f"{path}/".startswith(folder)), None)
        if site is None or sys.flags.optimize or not importing._path_isdir(path):
            raise ImportError("no folder of a site", path=path)
        super().__init__(path, *importing._get_supported_file_loaders())
        self._notes = _notes(site)

    def find_spec(self, fullname, target=None):
        start = f"{self.path}/{fullname.rpartition('.')[2]}"
        path, inside = f"{start}/__init__.py", [start]
        if path not in self._notes:
            path, inside = f"{start}.py", None
        if path in self._notes and self._notes[path] == _note(path):
            loader = _Loader(fullname, path)
            return importing.spec_from_file_location(
                fullname, path, loader=loader, submodule_search_locations=inside
            )
        return super().find_spec(fullname, target)


def _note(path: str) -> str | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


class _Loader(importing.SourceFileLoader):
    """Of a module whose source is as it has been noted."""

    def get_code(self, fullname):
        folder, _, name = self.path.rpartition("/")
        kept = f"{_place}{folder}/__pycache__/{name[:-3]}.{sys.implementation.cache_tag}.pyc"
        try:
            with open(kept, "rb", 0) as file:
                data = file.read()
            importing._classify_pyc(data, fullname, {})
            return marshal.loads(memoryview(data)[16:])
        except (OSError, ImportError, EOFError, ValueError, TypeError):
            return super().get_code(fullname)


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
