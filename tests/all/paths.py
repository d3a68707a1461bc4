"""Does everything that can be done to a path, to each of many paths, and tells what came of it.

Run with the folder in which to do that.
"""

import errno
import os
import shutil
import sys

NAMES = (
    "dir file link flink dangling loop missing empty dir/sub dir/up dir/file link/file file/x missing/x"
    " link/sub link/.. dir/.. . .. "
).split(" ")
ENDS = ("", "/", "//", "/.", "/./", "/..")


def make():
    for name in os.listdir("."):
        if os.path.isdir(name) and not os.path.islink(name):
            shutil.rmtree(name)
        else:
            os.unlink(name)
    os.makedirs("dir/sub")
    os.mkdir("empty")
    for name, text in (("dir/file", "inner"), ("file", "text")):
        with open(name, "w") as file:
            file.write(text)
    links = (
        ("dir", "link"),
        ("file", "flink"),
        ("nowhere", "dangling"),
        ("loop", "loop"),
        ("../file", "dir/up"),
    )
    for text, name in links:
        os.symlink(text, name)


def opened(flags):
    def act(path):
        os.close(os.open(path, flags, 0o666))
        return "open"

    return act


def described(stat):
    kind = stat.st_mode >> 12
    return kind, stat.st_size if kind == 8 else 0


ACTS = {
    "stat": lambda path: described(os.stat(path)),
    "lstat": lambda path: described(os.lstat(path)),
    "read": opened(os.O_RDONLY),
    "write": opened(os.O_WRONLY),
    "both": opened(os.O_RDWR),
    "create": opened(os.O_WRONLY | os.O_CREAT),
    "create new": opened(os.O_WRONLY | os.O_CREAT | os.O_EXCL),
    "truncate": opened(os.O_WRONLY | os.O_TRUNC),
    "folder": opened(os.O_RDONLY | os.O_DIRECTORY),
    "no link": opened(os.O_RDONLY | os.O_NOFOLLOW),
    "mkdir": os.mkdir,
    "rmdir": os.rmdir,
    "unlink": os.unlink,
    "list": lambda path: sorted(os.listdir(path)),
    "readlink": os.readlink,
    "symlink": lambda path: os.symlink("file", path),
    "utime": lambda path: os.utime(path, (1, 2)),
    "utime of link": lambda path: os.utime(path, (1, 2), follow_symlinks=False),
    "rename": lambda path: os.rename(path, "target"),
    "rename file to": lambda path: os.rename("file", path),
    "rename empty to": lambda path: os.rename("empty", path),
    "rename dir to": lambda path: os.rename("dir", path),
    "link": lambda path: os.link("file", path),
}


def tree(folder="."):
    for name in sorted(os.listdir(folder)):
        path = folder + "/" + name
        kind, size = described(os.lstat(path))
        yield path, kind, size
        if kind == 4:
            yield from tree(path)


os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
make()
first = list(tree())
changed = False
for what, act in ACTS.items():
    # What lies above differs, and is nothing to try this on.
    paths = [name + end for name in NAMES if name for end in ENDS]
    for path in [*paths, "x" * 256]:
        if path.count("..") > 1 or os.path.normpath(path).startswith(".."):
            continue
        if changed:
            make()
        try:
            came = act(path)
        except OSError as error:
            came = errno.errorcode.get(error.errno, error.errno)
        now = list(tree())
        changed = now != first
        print(
            what, path[:20], came, [at for at in now if at not in first], [at for at in first if at not in now]
        )
