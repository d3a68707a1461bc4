"""Ends of tasklets, and who is told of them: links, monitors, exit signals, crash reports."""

import logging
import traceback
from asyncio import CancelledError, Future
from collections import deque
from collections.abc import Callable
from types import ModuleType

from _ophidia import _tasklets as core
from _ophidia._tasklets import Pid, Ref

_log = logging.getLogger("ophidia.tasklets")

# Frames of a traceback that go into a reason, the innermost.
_FRAMES = 32
# Characters of a text there.
_TEXT = 4096


class Exit(BaseException):
    """Ends the tasklet that raises it, with a reason that is not taken for a crash."""

    def __init__(self, reason: object = "normal") -> None:
        super().__init__(reason)
        self.reason = reason


class ProcessExited(RuntimeError):
    """A call to a tasklet that has ended, or ends before it replies: `pid` and `reason` say which, and why. The
    reason is "noproc" where it was not there."""

    def __init__(self, pid: object, reason: object) -> None:
        super().__init__(f"{pid!r} has ended: {_shown(reason)}")
        self.pid = pid
        self.reason = reason


class MailboxFull(RuntimeError):
    """A message to a mailbox that has as many as it may; `put` waits instead. Or a call of a tasklet in an
    interpreter that has no room for messages: then `most` is None."""

    def __init__(self, pid: Pid, most: int | None) -> None:
        super().__init__(
            f"{pid!r} was not called: its interpreter has no room for messages"
            if most is None
            else f"the mailbox of {pid!r} is full: it takes {most} messages (await put() to wait for room)"
        )
        self.pid = pid
        self.most = most


class Extra:
    """What is kept of a tasklet that most do not need."""

    __slots__ = ("future", "groups", "links", "main", "names", "traps", "watchers", "watching")

    def __init__(self) -> None:
        self.links: dict[Pid, None] = {}  # in the order they were made
        self.watchers: dict[Ref, Pid] = {}  # who monitors it
        self.watching: dict[Ref, Pid] = {}  # whom it monitors
        self.names: set[str] = set()
        self.groups: set[object] = set()
        self.traps = False
        self.main: Future | None = None  # of a run that ends with it
        self.future: Future | None = None  # what it awaits


# Those that have ended, and are yet to be told of.
_over: deque[tuple[Pid, object, Extra]] = deque()
_telling = False

# What else is to be done for one that has ended: with what is kept of it, and with why.
at_end: list[Callable[[Pid, Extra], None]] = []
on_end: list[Callable[[Pid, object], None]] = []


def _shown(reason: object) -> str:
    if isinstance(reason, tuple) and len(reason) == 3 and isinstance(reason[2], tuple):
        return f"{reason[0]}: {reason[1]}"
    return repr(reason)[:_TEXT]


def as_reason(error: BaseException) -> object:
    """Why a tasklet has ended that raised this, as data: the type's name, the text, and the traceback's
    frames."""
    if isinstance(error, Exit):
        return error.reason
    try:
        text = str(error)[:_TEXT]
    except BaseException as inner:
        text = f"<its text raised {type(inner).__name__}>"
    frames = traceback.extract_tb(error.__traceback__, limit=-_FRAMES)
    return type(error).__name__, text, tuple((one.filename, one.lineno, one.name) for one in frames)


def ended(pid: Pid, reason: object, result: object, extra: Extra | None, messages: list | None) -> object:
    """Tells whoever should know; gives the reason as data."""
    error = reason if isinstance(reason, BaseException) else None
    if error is not None:
        reason = as_reason(error)
    if extra is not None:
        _over.append((pid, reason, extra))
    is_main = extra is not None and extra.main is not None
    if error is not None and not (is_main or isinstance(error, (Exit, KeyboardInterrupt, SystemExit))):
        _report(pid, error, messages)
    try:
        if extra is not None and extra.future is not None:
            extra.future.cancel()
        if extra is not None and extra.main is not None:
            _resolve(pid, extra.main, error, reason, result)
    except RuntimeError:
        pass  # their loop is closed: nobody waits there any more
    finally:
        _tell()
    return reason


def _report(pid: Pid, error: BaseException, messages: list | None) -> None:
    try:
        shown = [repr(message)[:200] for message in messages or []]
        _log.error("%r crashed; its last messages: %s", pid, ", ".join(shown) or "none", exc_info=error)
    except BaseException as inner:
        name = type(error).__name__
        _log.error("%r crashed: %s; it could not be shown: %s", pid, name, type(inner).__name__)


def _resolve(pid: Pid, main: Future, error: BaseException | None, reason: object, result: object) -> None:
    if main.done():
        return
    if error is not None and not isinstance(error, (Exit, StopIteration, CancelledError)):
        main.set_exception(error)
    elif is_word(reason, "normal"):
        main.set_result(result)
    else:
        main.set_exception(ProcessExited(pid, reason))


def is_word(reason: object, word: str) -> bool:
    """Whether a reason is that word: reasons may be anything, and compare as they like."""
    return isinstance(reason, str) and reason == word


def _tell() -> None:
    """One after the other, however long a chain of links is."""
    global _telling
    if _telling:
        return
    _telling = True
    try:
        while _over:
            pid, reason, extra = _over.popleft()
            for act in at_end:
                _each(act, pid, extra)
            for other in extra.links:
                _each(_remote().send_exit if is_remote(other) else signal, other, pid, reason)
            for ref, watcher in extra.watchers.items():
                forget_watching(watcher, ref)
                _each(notify, watcher, ("DOWN", ref, pid), reason)
            for ref, watched in extra.watching.items():
                _each(forget_watcher, watched, ref)
            for tell in on_end:
                _each(tell, pid, reason)
    finally:
        _telling = False


def _each(act: Callable, *arguments: object) -> None:
    """One of those who are told: what fails there concerns no other."""
    try:
        act(*arguments)
    except Exception as error:
        _log.error("%r was not told of an end: %s", arguments[0], error)


def notify(pid: Pid, message: tuple, reason: object, is_urgent: bool = False) -> None:
    """Sends what the system says: there is room for it in any mailbox, and a reason that cannot be sent goes
    as a text."""
    try:
        core.tell(pid, (*message, reason), is_urgent)
    except Exception as error:
        core.tell(pid, (*message, f"a reason that cannot be sent: {type(error).__name__}"), is_urgent)


def is_remote(pid: Pid) -> bool:
    """Whether it lives in another interpreter."""
    return pid.parts[0] != 0


def _remote() -> ModuleType:
    from ophidia.tasklets import _remote

    return _remote


def forget_watching(watcher: Pid, ref: Ref) -> None:
    """A monitor that is over, at its owner."""
    extra = core.extra(watcher, False)
    if extra is not None:
        extra.watching.pop(ref, None)


def forget_watcher(watched: Pid, ref: Ref) -> None:
    """A monitor that is over, at the one that it watched."""
    if is_remote(watched):
        _remote().demonitor(watched, ref)
        return
    extra = core.extra(watched, False)
    if extra is not None:
        extra.watchers.pop(ref, None)


def signal(to: Pid, sender: Pid, reason: object) -> None:
    """The end of one that was linked."""
    extra = core.extra(to, False)
    if extra is None or sender not in extra.links:
        return
    del extra.links[sender]
    _act(to, extra, sender, reason)


def _act(to: Pid, extra: Extra | None, sender: Pid, reason: object) -> None:
    if extra is not None and extra.traps:
        notify(to, ("EXIT", sender), reason, extra.traps == "priority")
    elif not is_word(reason, "normal"):
        core.end(to, reason)


def _own() -> Extra:
    extra = core.extra(core.self_())
    if extra is None:
        raise RuntimeError("a tasklet that has ended has no links and monitors any more")
    return extra


def exit(*arguments: object) -> None:
    """`exit(reason="normal")` ends the tasklet that calls it; `exit(pid, reason)` sends another one an exit
    signal: it ends with that reason, unless that is "normal" or it traps exits. "kill" cannot be trapped; it
    ends with "killed"."""
    if len(arguments) < 2:
        core.self_()
        raise Exit(*arguments)
    pid, reason = arguments
    pid = resolve(pid)
    if is_remote(pid):
        _remote().send_exit(pid, core.self_(), reason, linked=False)
    elif pid != core.current():
        exit_from(pid, core.current() or pid, reason)
    elif is_word(reason, "kill"):
        core.end(pid, "killed")
        raise Exit("killed")
    else:
        extra = core.extra(pid, False)
        if extra is None or not extra.traps:
            raise Exit(reason)
        notify(pid, ("EXIT", pid), reason)


def exit_from(pid: Pid, sender: Pid, reason: object) -> None:
    """An exit signal that somebody sends."""
    if is_word(reason, "kill"):
        core.end(pid, "killed")
    else:
        _act(pid, core.extra(pid, False), sender, reason)


def resolve(pid: Pid | str) -> Pid:
    """The pid itself, or the one of a name."""
    from ophidia.tasklets._names import lookup

    return pid if isinstance(pid, Pid) else lookup(pid)


def link(pid: Pid | str) -> None:
    """From now on, the end of either ends the other, unless it is "normal"."""
    pid, own = resolve(pid), core.self_()
    if pid == own:
        return
    if is_remote(pid):
        links = _own().links
        _remote().link(pid, own)
        links[pid] = None
        return
    other = core.extra(pid)
    if other is None:
        extra = core.extra(own, False)
        if extra is None or not extra.traps:
            raise Exit("noproc")
        notify(own, ("EXIT", pid), "noproc")
        return
    _own().links[pid] = None
    other.links[own] = None


def unlink(pid: Pid | str) -> None:
    """Their ends no longer concern each other."""
    pid, own = resolve(pid), core.self_()
    if is_remote(pid):
        _own().links.pop(pid, None)
        _remote().unlink(pid, own)
        return
    for one, other in ((own, pid), (pid, own)):
        extra = core.extra(one, False)
        if extra is not None:
            extra.links.pop(other, None)


def monitor(pid: Pid | str) -> Ref:
    """When that one ends, `("DOWN", ref, pid, reason)` is sent to the tasklet that calls this; at once, with
    "noproc", where it is not there."""
    pid, own, ref, watching = resolve(pid), core.self_(), core.make_ref(), _own().watching
    if is_remote(pid):
        _remote().monitor(pid, ref, own)
        watching[ref] = pid
        return ref
    extra = core.extra(pid)
    if extra is None:
        notify(own, ("DOWN", ref, pid), "noproc")
    else:
        extra.watchers[ref] = own
        watching[ref] = pid
    return ref


def demonitor(ref: Ref) -> bool:
    """Ends a monitor; whether it was still there. A message that it has sent already stays."""
    pid = _own().watching.pop(ref, None)
    if pid is not None:
        forget_watcher(pid, ref)
    return pid is not None


def trap_exit(traps: bool = True, *, priority: bool = False) -> bool:
    """Whether exit signals come as messages `("EXIT", pid, reason)` instead of ending the tasklet that calls
    this; with `priority`, before the others that wait. Gives what it was."""
    extra = _own()
    before, extra.traps = bool(extra.traps), "priority" if traps and priority else bool(traps)
    return before


def spawn_link(function: Callable, *arguments: object) -> Pid:
    """Spawns a tasklet that is linked to the one that calls this."""
    core.self_()
    pid = core.spawn(function, *arguments)
    link(pid)
    return pid


def spawn_monitor(function: Callable, *arguments: object) -> tuple[Pid, Ref]:
    """Spawns a tasklet and monitors it."""
    core.self_()
    pid = core.spawn(function, *arguments)
    return pid, monitor(pid)


def spawn_opt(
    function: Callable,
    *arguments: object,
    link: bool = False,
    name: str | None = None,
    mailbox: int | None = None,
) -> Pid:
    """Spawns a tasklet that is linked, has a name, or a mailbox that takes so many messages: `send` raises
    `MailboxFull` then, and `put` waits."""
    from ophidia.tasklets._names import register

    if mailbox is not None and not 1 <= mailbox < 1 << 31:
        raise ValueError(f"a mailbox of {mailbox} messages: it takes 1 to {(1 << 31) - 1}")
    if link:
        core.self_()
    pid = core.spawn(function, *arguments)
    try:
        if mailbox is not None:
            core.bound(pid, mailbox)
        if name is not None:
            register(name, pid)
    except BaseException:
        core.end(pid, "normal")
        raise
    if link:
        globals()["link"](pid)
    return pid


def process_info(pid: Pid | str, messages: int = 10) -> dict[str, object] | None:
    """What is known of a tasklet, `messages` of its mailbox included; None when it has ended."""
    pid = resolve(pid)
    found = core.info(pid, messages)
    if found is None:
        return None
    status, count, most, program, first = found
    extra = core.extra(pid, False) or Extra()
    function = program[0] if isinstance(program, tuple) else program
    return {
        "pid": pid,
        "status": status,
        "function": getattr(function, "__qualname__", repr(function)),
        "line": _line_of(program),
        "message_queue_len": count,
        "mailbox": None if most == 0xFFFFFFFF else most,
        "messages": first,
        "links": sorted(extra.links, key=lambda pid: pid.parts),
        "monitors": list(extra.watching.values()),
        "monitored_by": list(extra.watchers.values()),
        "trap_exit": bool(extra.traps),
        "registered_name": sorted(extra.names),
        "groups": list(extra.groups),
    }


def _line_of(program: object) -> int | None:
    """Where a program stands, in the innermost of what it awaits."""
    line = None
    for _ in range(100):
        frame = getattr(program, "cr_frame", None) or getattr(program, "gi_frame", None)
        if frame is None:
            break
        line = frame.f_lineno
        program = getattr(program, "cr_await", None) or getattr(program, "gi_yieldfrom", None)
    return line
