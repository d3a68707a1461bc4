"""Runs pip so that it chooses for the guest: its markers, wheels in pure Python first, no program started."""

import sys

# The current folder may hold anything: nothing of it is imported.
sys.path[:] = [folder for folder in sys.path if folder]

NO_PIP, UNKNOWN_PIP = 97, 98
STARTS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"}

import json  # noqa: E402
import runpy  # noqa: E402

try:
    import pip
except ImportError:
    sys.exit(NO_PIP)

version = pip.__version__.split(".")
if (int(version[0]), int(version[1])) < (22, 2):
    sys.exit(UNKNOWN_PIP)

try:
    from pip._vendor.packaging import markers, tags

    cpython, compatible, _ = tags.cpython_tags, tags.compatible_tags, markers.default_environment
except (ImportError, AttributeError):
    sys.exit(UNKNOWN_PIP)

environment = json.loads(sys.argv.pop(1))
interpreter = "cp" + environment["python_version"].replace(".", "")


def refuse(event, _arguments):
    """Build backends, git and the like are programs. pip goes on without those that describe the machine."""
    if event in STARTS:
        raise PermissionError("only wheels are taken: this one would have to be built or fetched by a program")


def is_pure(tag):
    return tag.abi == "none" and tag.platform == "any"


def pure_first(python_version=None, abis=None, platforms=None, **more):
    yield from filter(is_pure, compatible(python_version, interpreter, platforms))
    yield from cpython(python_version, abis, platforms, **more)


def not_pure(*arguments, **more):
    return (tag for tag in compatible(*arguments, **more) if not is_pure(tag))


sys.addaudithook(refuse)
# pip takes the markers of the Python that runs it, whatever --platform and --python-version say,
# and asks of that Python what a wheel requires.
markers.default_environment = lambda: dict(environment)
# The newest version counts first, then what of it stands first here.
tags.cpython_tags, tags.compatible_tags = pure_first, not_pure

try:
    from pip._internal.resolution.resolvelib.candidates import RequiresPythonCandidate

    begin = RequiresPythonCandidate.__init__
except (ImportError, AttributeError):
    sys.exit(UNKNOWN_PIP)

release = tuple(int(part) for part in environment["python_full_version"].split("."))
RequiresPythonCandidate.__init__ = lambda self, _: begin(self, release)
sys.argv[0] = "pip"
runpy.run_module("pip", run_name="__main__", alter_sys=True)
