"""Run one module of CPython's test-suite and write one JSON line for each thing that happens.

    driver.py TREE RESULTS MODULE [--pretend=WHAT ...] [STAND_IN ...]

TREE holds the folder `test` of CPython's `Lib`; RESULTS is the file to write; the current folder is
scratch space. WHAT is `socket` or `subprocess`: pretended to be there while MODULE is imported, when it
would skip itself as a whole although most of its tests need neither. Each STAND_IN is a C module, made
for testing CPython itself and absent here, whose absence would skip the whole of MODULE; with an empty
module in its place, only the tests that use it are. The lines are described in `suite_lines`. A test with
subtests has the worst outcome of its parts.
"""

import contextlib
import importlib
import os
import random
import sys
import time
import traceback
import types
import unittest
from collections.abc import Iterator

import suite_lines

BAD = ("error", "failed", "unexpectedSuccess")
ORDER = (*BAD, "passed", "expectedFailure", "skipped")


def leave_out(suite: unittest.TestSuite, names: set[str]) -> unittest.TestSuite:
    """The same suite without the tests of these names."""
    kept = []
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            kept.append(leave_out(test, names))
        elif test.id() not in names:
            kept.append(test)
    return type(suite)(kept)


def last_line(error: BaseException) -> str:
    """The line that says why, with the place in the test that raised it."""
    return suite_lines.last_line(error, f"{os.sep}test{os.sep}")


class Recorder(unittest.TestResult):
    """Turns unittest's calls into lines."""

    def __init__(self, lines: suite_lines.Lines) -> None:
        super().__init__()
        self._lines = lines
        self._running: str | None = None
        self._seen: list[tuple[str, str, str]] = []

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._running = test.id()
        self._seen = []
        self._lines.write("start", id=self._running)

    def stopTest(self, test: unittest.TestCase) -> None:
        outcome, note, detail = min(
            self._seen, key=lambda seen: ORDER.index(seen[0]), default=("skipped", "", "")
        )
        self._lines.write("end", id=test.id(), outcome=outcome, note=note, detail=detail)
        self._running = None
        super().stopTest(test)

    def _note(self, test: unittest.TestCase, outcome: str, error: object = None) -> None:
        if isinstance(error, tuple):
            seen = (outcome, last_line(error[1]), suite_lines.whole_traceback(error[1]))
        else:
            seen = (outcome, str(error or "")[: suite_lines.MOST_OF_A_NOTE], "")
        if self._running is None:
            # A class or module whose set-up failed or skipped: no test is running.
            self._lines.write("end", id=test.id(), outcome=seen[0], note=seen[1], detail=seen[2])
        else:
            self._seen.append(seen)

    # unittest's own methods also keep every test and traceback alive: leave them out.
    def addSuccess(self, test: unittest.TestCase) -> None:
        self._note(test, "passed")

    def addError(self, test: unittest.TestCase, err: object) -> None:
        self._note(test, "error", err)

    def addFailure(self, test: unittest.TestCase, err: object) -> None:
        self._note(test, "failed", err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self._note(test, "skipped", reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: object) -> None:
        self._note(test, "expectedFailure")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self._note(test, "unexpectedSuccess")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: object) -> None:
        if err is not None:
            failure = issubclass(err[0], test.failureException)
            self._note(test, "failed" if failure else "error", err)

    def addDuration(self, test: unittest.TestCase, elapsed: float) -> None:
        pass


class StandIn(types.ModuleType):
    """A module whose functions skip the test that calls them, but for those that need no C."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)

        def skip(*args: object, **kwargs: object) -> object:
            raise unittest.SkipTest(f"uses {name} of {self.__name__}")

        return skip

    def config_get(self, name: str) -> object:
        """What test.support asks _testcapi: whether tracebacks can point into lines."""
        return {"code_debug_ranges": 1}[name]

    def get_c_recursion_remaining(self) -> int:
        """What test.support asks it: how deep C may recurse, here as deep as the command lets it."""
        return 10_000

    def exception_print(self, value: object, legacy: bool = False) -> None:
        """Print an exception by the C function that the interpreter uses for uncaught ones."""
        sys.__excepthook__(type(value), value, getattr(value, "__traceback__", None))


@contextlib.contextmanager
def pretending(what: list[str]) -> Iterator[None]:
    """Have sockets or subprocesses while a module is imported that would skip itself without them."""
    from test import support

    names = [f"has_{word}_support" for word in what]
    real = {name: getattr(support, name) for name in names}
    vars(support).update(dict.fromkeys(names, True))
    try:
        yield
    finally:
        vars(support).update(real)


def prepare() -> None:
    """What CPython's own runner sets before it imports a test."""
    from test import support

    support.use_resources = []
    support.verbose = False
    random.seed(20250611)


def main(tree: str, results: str, module: str, *options: str) -> None:
    earlier = suite_lines.begun(results)
    lines = suite_lines.Lines(results)
    started = time.monotonic()
    sys.path.insert(0, tree)
    prepare()
    for name in options:
        if not name.startswith("--"):
            sys.modules[name] = StandIn(name)
    wanted = [word.removeprefix("--pretend=") for word in options if word.startswith("--pretend=")]
    try:
        with pretending(wanted):
            loaded = importlib.import_module(f"test.{module}")
            loader = unittest.TestLoader()
            tests = loader.loadTestsFromModule(loaded)
    except unittest.SkipTest as skip:
        lines.write("module", outcome="skipped", note=str(skip), detail="")
    except (Exception, SystemExit) as error:
        lines.write("module", outcome="error", note=last_line(error), detail=traceback.format_exc())
    else:
        leave_out(tests, earlier).run(Recorder(lines))
    lines.write("done", seconds=round(time.monotonic() - started, 3))


if __name__ == "__main__":
    main(*sys.argv[1:])
