"""Run one file of numpy's test-suite and write one JSON line for each thing that happens.

    driver.py TREE RESULTS FILE

TREE holds the folder `numpy` with its tests; RESULTS is the file to write, whose lines are described in
`suite_lines`; FILE is such as `_core/test_umath` or `test_matlib`; the current folder is scratch space.
pytest runs the file with numpy's own settings, the slow tests too. What hypothesis tries is the same in
every run.

Modules that the guest does not have are stood in for, so that a file which imports one can be run: a test
that uses something of it is skipped, and so is one whose parameters were made with it. The tests of the
package `numpy` as a whole, which look at what there is, see only the guest's own modules.
"""

import contextlib
import importlib
import os
import sys
import time
import types
from collections.abc import Generator, Iterator

import numpy
import pytest
import suite_lines

# C modules made for testing numpy itself. _simd is not among them: its tests are nothing without it.
TEST_MODULES = ("multiarray", "operand_flag", "rational", "struct_ufunc", "umath")

# What needs what WASI does not have.
ABSENT = ("ctypes", "mmap")

OPTIONS = (
    "--quiet",
    "--tb=short",
    "--override-ini=addopts=",
    # With the assertions as they are the bytecode beside the tests is used.
    "--assert=plain",
    # The descriptors of standard output and error cannot be duplicated.
    "--capture=sys",
    "--hypothesis-profile=np.test() profile",
    "--available-memory=1GB",
    "-pno:cacheprovider",
    "-pno:faulthandler",
    # It opens /dev/null, which is not there.
    "-pno:logging",
)


class Missing(type):
    """A name of a stand-in, as a class, for some are; whatever is done with it skips the running test.

    While the tests are collected it gives itself instead: the parameters made with it are found later.
    """

    testing = False

    def use(cls) -> object:
        if Missing.testing:
            pytest.skip(f"uses {cls.__name__} of {cls.__module__}")
        return cls

    def __call__(cls, *args: object, **kwargs: object) -> object:
        return cls.use()

    def __getattr__(cls, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls.use()

    def _operate(cls, *others: object) -> object:
        return cls.use()

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __rmod__ = _operate

    @property
    def dtype(cls) -> object:
        cls.use()
        return numpy.dtype("O", metadata={"stand-in": cls})


class StandIn(types.ModuleType):
    """A module of nothing but missing names."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        missing = Missing(name, (), {"__module__": self.__name__})
        setattr(self, name, missing)
        return missing


def is_missing(value: object) -> bool:
    """Whether a test's parameter was made with a missing name."""
    if isinstance(value, list | tuple):
        return any(map(is_missing, value))
    metadata = getattr(getattr(value, "dtype", value), "metadata", None)
    marked = isinstance(metadata, types.MappingProxyType) and "stand-in" in metadata
    return marked or isinstance(value, Missing)


class Recorder:
    """Turns pytest's calls into lines."""

    def __init__(self, results: str) -> None:
        self._earlier = suite_lines.begun(results)
        self.lines = suite_lines.Lines(results)
        self._worst = ("passed", "", "")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            note = str(report.longrepr).strip().rpartition("\n")[2]
            self.lines.write("module", outcome="error", note=note, detail=str(report.longrepr))
        elif report.skipped:
            self.lines.write("module", outcome="skipped", note=report.longrepr[2], detail="")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if name_of(item.nodeid) not in self._earlier]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.lines.write("start", id=name_of(nodeid))
        self._worst = ("passed", "", "")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        Missing.testing = True
        if "capfd" in item.fixturenames:
            pytest.skip("captures descriptors, which WASI cannot duplicate")
        callspec = getattr(item, "callspec", None)
        for parameter, value in callspec.params.items() if callspec else ():
            if is_missing(value):
                pytest.skip(f"its {parameter} is made with a module that is not there")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed and call.excinfo:
            error = call.excinfo.value
            assertion = call.when == "call" and isinstance(error, AssertionError | pytest.fail.Exception)
            self._take(
                "failed" if assertion else "error",
                suite_lines.last_line(error, f"{os.sep}tests{os.sep}"),
                suite_lines.whole_traceback(error),
            )
        elif report.failed:
            self._take("unexpectedSuccess", str(report.longrepr), "")
        elif report.skipped and hasattr(report, "wasxfail"):
            self._take("expectedFailure", report.wasxfail, "")
        elif report.skipped:
            self._take("skipped", report.longrepr[2].removeprefix("Skipped: "), "")
        return report

    def _take(self, outcome: str, note: str, detail: str) -> None:
        """Keeps the first that is not a pass, but for a failure after a skip."""
        if self._worst[0] not in ("failed", "error"):
            self._worst = (outcome, note[: suite_lines.MOST_OF_A_NOTE], detail)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        outcome, note, detail = self._worst
        self.lines.write("end", id=name_of(nodeid), outcome=outcome, note=note, detail=detail)


def name_of(nodeid: str) -> str:
    """A test's name in its file."""
    return nodeid.partition("::")[2]


def stand_in(names: Iterator[str]) -> None:
    """Puts modules of nothing but missing names where an import finds them."""
    for dotted in names:
        module = sys.modules[dotted] = StandIn(dotted)
        parent, _, own = dotted.rpartition(".")
        if parent:
            setattr(sys.modules[parent], own, module)


def main(tree: str, results: str, file: str) -> None:
    started = time.monotonic()
    package, _, test = file.rpartition("/")
    folder = os.path.join(tree, "numpy", package)
    # Tests import what lies beside them, and beside others, as numpy.PACKAGE.tests.
    names = os.listdir(os.path.join(tree, "numpy"))
    for name in (name for name in names if name.isidentifier()):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(f"numpy.{name}").__path__.append(os.path.join(tree, "numpy", name))
    stand_in(f"numpy._core._{module}_tests" for module in TEST_MODULES)
    if package:
        stand_in(iter(ABSENT))
    # numpy's settings of pytest call this one around every test.
    sys.modules["numpy._core._multiarray_tests"].get_fpu_mode = lambda: 0
    recorder = Recorder(results)
    status = pytest.main(
        [
            *OPTIONS,
            f"--config-file={tree}/pytest.ini",
            f"--rootdir={tree}",
            f"--basetemp={os.environ['TMPDIR']}/pytest",
            os.path.join(folder, "tests", f"{test}.py"),
        ],
        [recorder],
    )
    if status in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        recorder.lines.write("module", outcome="error", note=f"pytest ended with {status!r}", detail="")
    recorder.lines.write("done", seconds=round(time.monotonic() - started, 3))


if __name__ == "__main__":
    main(*sys.argv[1:])
