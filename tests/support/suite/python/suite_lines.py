"""What the drivers share: lines about tests as they happen.

Lines go to a file, each in one write without a buffer, so that a crash loses nothing:

    {"event": "start", "id": ...}             a test begins; the last one without an end has crashed
    {"event": "end", "id": ..., "outcome": ..., "note": ..., "detail": ...}
    {"event": "module", "outcome": ..., "note": ..., "detail": ...}   the module itself is skipped or broken
    {"event": "done", "seconds": ...}         everything was run

Tests that already began in an earlier run, by what the file holds, are left out: so a run goes on after a
crash. Outcomes: passed, failed, error, skipped, expectedFailure, unexpectedSuccess.
"""

import json
import os
import traceback

MOST_OF_A_NOTE = 300
MOST_OF_A_TRACEBACK = 6000


class Lines:
    """The results file: each line is one write."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, event: str, **fields: object) -> None:
        line = json.dumps({"event": event, **fields}) + "\n"
        os.write(self._file, line.encode("ascii"))


def begun(path: str) -> set[str]:
    """The names of the tests that earlier runs began."""
    try:
        with open(path, encoding="ascii") as file:
            return {line["id"] for line in map(json.loads, file) if line["event"] == "start"}
    except FileNotFoundError:
        return set()


def last_line(error: BaseException, inside: str) -> str:
    """The line that names the exception, shortened, and the place that raised it in a file whose path
    has `inside` in it."""
    message = traceback.format_exception_only(error)[-1].strip().partition("\n")[0]
    frames = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in frames if inside in frame.filename]
    where = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return message[:MOST_OF_A_NOTE] + where


def whole_traceback(error: BaseException) -> str:
    """Its end, if it is long."""
    return "".join(traceback.format_exception(error))[-MOST_OF_A_TRACEBACK:]
