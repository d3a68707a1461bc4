"""Tasklets of other interpreters: spawning there, and hearing of their ends.

Interpreters of a group are its domains. What goes between them is carried by the host; what the Python sides
say to each other are tuples that begin with a word.
"""

import inspect
import logging
import sys
import textwrap
from collections.abc import Callable
from types import FunctionType, ModuleType

from _ophidia import _tasklets as core
from _ophidia._tasklets import Pid, Ref

from ophidia.tasklets import _ends, _names
from ophidia.tasklets._ends import is_remote

_log = logging.getLogger("ophidia.tasklets")

# The index of a domain itself, and the domain that is whichever has least to do.
_DOMAIN, _ANY = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF

# The bits of a domain's number that say which node it is of, and which domain of that.
_NODE, _IN_NODE = 0xFFFFFFFFFF000000, 0xFFFFFF


class _Callers:
    """Who waits for a reply, and for which: the last of each. Those that have ended go from time to time."""

    __slots__ = ("most", "numbers")

    def __init__(self) -> None:
        self.numbers: dict[Pid, int] = {}
        self.most = 1024

    def add(self, caller: Pid, number: int) -> None:
        if len(self.numbers) >= self.most:
            self.numbers = {pid: one for pid, one in self.numbers.items() if pid.is_alive}
            self.most = max(1024, 2 * len(self.numbers))
        self.numbers[caller] = number

    def fail(self, pid: Pid, reason: object) -> None:
        for caller, number in self.numbers.items():
            core.fail(caller, number, _ends.ProcessExited(pid, reason))


class _Watched:
    """Who here wants to know when a tasklet of another domain ends."""

    __slots__ = ("callers", "monitors")

    def __init__(self) -> None:
        self.callers = _Callers()
        self.monitors: dict[Ref, Pid] = {}


_watched: dict[Pid, _Watched] = {}
_links: dict[Pid, set[Pid]] = {}  # those of others, and who is linked to them
_asking: dict[int, _Callers] = {}  # domains, and who waits for what they answer
_watchers: dict[Pid, set[Pid]] = {}  # those of here, and who wants to know: domains, and mailboxes of Rust
_told_by_message: dict[Pid, Pid] = {}
_peers: list[int] = []
_nodes: dict[str, int] = {}  # by their names; the first is this one
_trusts = False


def begin(trusts: bool) -> None:
    """This interpreter is a domain of a group now, which may trust the others."""
    global _trusts
    _trusts = trusts


def domains() -> list[int]:
    """The other domains of the group."""
    return list(_peers)


def nodes() -> list[str]:
    """The names of the nodes of the group: this one first, the others in order; none where it is no node."""
    return list(_nodes)


def _domain(number: int) -> Pid:
    """A domain itself, as a pid."""
    return core.make_pid(number, _DOMAIN, 0)


def _post(to: Pid, word: str, pid: Pid, reason: object, *more: object) -> None:
    """Tells of an end; a reason that is no data goes as a text. What cannot be told at all is logged: others
    are still to be told of other things."""
    try:
        core.post(to, (word, pid, reason, *more))
    except Exception:
        try:
            core.post(to, (word, pid, _text(reason), *more))
        except Exception as error:
            _log.error("%r cannot be told of %r: %s", to, pid, error)


def _text(reason: object) -> str:
    try:
        return repr(reason)[:4096]
    except Exception as error:
        return f"a reason that cannot be sent: {type(error).__name__}"


# --- hearing of ends ---


def _watch(pid: Pid) -> _Watched:
    found = _watched.get(pid)
    if found is None:
        core.post(pid, ("watch", _domain(core.own_domain())))
        found = _watched[pid] = _Watched()
    return found


def calls(caller: Pid, callee: Pid, number: int) -> None:
    """A call that has to fail if that one ends."""
    domain, index, _ = callee.parts
    callers = _asking.setdefault(domain, _Callers()) if index == _DOMAIN else _watch(callee).callers
    callers.add(caller, number)


def monitor(pid: Pid, ref: Ref, own: Pid) -> None:
    """Of one that lives elsewhere."""
    _watch(pid).monitors[ref] = own


def demonitor(pid: Pid, ref: Ref) -> None:
    """Ends that."""
    found = _watched.get(pid)
    if found is not None:
        found.monitors.pop(ref, None)


def link(pid: Pid, own: Pid) -> None:
    """With one that lives elsewhere."""
    core.post(pid, ("link", own))
    _links.setdefault(pid, set()).add(own)


def unlink(pid: Pid, own: Pid) -> None:
    """Ends that."""
    _forget_link(pid, own)
    core.post(pid, ("unlink", own))


def _forget_link(pid: Pid, own: Pid) -> None:
    owners = _links.get(pid)
    if owners is not None:
        owners.discard(own)
        if not owners:
            del _links[pid]


def send_exit(pid: Pid, sender: Pid, reason: object, linked: bool = True) -> None:
    """An exit signal to one that lives elsewhere."""
    if linked:
        _forget_link(pid, sender)
    _post(pid, "exit", sender, reason, linked)


def _over(pid: Pid, reason: object) -> None:
    """One that lives elsewhere has ended."""
    found = _watched.pop(pid, None)
    if found is not None:
        found.callers.fail(pid, reason)
        for ref, own in found.monitors.items():
            _ends.forget_watching(own, ref)
            _ends.notify(own, ("DOWN", ref, pid), reason)
    for own in _links.pop(pid, ()):
        _ends.signal(own, pid, reason)


def _told(pid: Pid, reason: object) -> None:
    """One of here has ended that others want to know of."""
    for watcher in _watchers.pop(pid, ()):
        _post(watcher, "ended", pid, reason)
    to = _told_by_message.pop(pid, None)
    if to is not None:
        try:
            core.send(to, ("EXIT", pid, reason))
        except Exception:
            core.send(to, ("EXIT", pid, repr(reason)[:4096]))


_ends.on_end.append(_told)


# --- what others say ---


def control(pid: Pid, content: object) -> None:
    """What the Python side of another domain says, to a tasklet or to the domain. It is not trusted."""
    match content:
        case ("$call", (Pid(), Ref()) as sender, request) if pid.parts[1] == _DOMAIN:
            core.reply(sender, _answer(request))
        case ("ended", Pid() as other, reason) if is_remote(other):
            _over(other, reason)
        case ("refused", Pid() as callee, int() as number):
            core.fail(pid, number, _ends.MailboxFull(callee, None))
        case ("gone", int() as domain):
            _gone(domain)
        case ("domains", list() as found):
            _peers[:] = [one for one in found if isinstance(one, int)]
        case ("nodes", list() as found):
            _nodes.clear()
            _nodes.update(found)
        case ("publish", group, message):
            _names.publish_here(group, message)
        case ("watch", Pid() as watcher) if is_remote(watcher):
            if core.extra(pid) is None:
                _post(watcher, "ended", pid, "noproc")
            else:
                _watchers.setdefault(pid, set()).add(watcher)
        case ("link", Pid() as other) if is_remote(other):
            extra = core.extra(pid)
            if extra is None:
                _post(other, "exit", pid, "noproc", True)
            else:
                extra.links[other] = None
                _links.setdefault(other, set()).add(pid)
        case ("unlink", Pid() as other):
            extra = core.extra(pid, False)
            if extra is not None:
                extra.links.pop(other, None)
            _forget_link(other, pid)
        case ("exit", Pid() as sender, reason, linked):
            if linked:
                _forget_link(sender, pid)
                _ends.signal(pid, sender, reason)
            else:
                _ends.exit_from(pid, sender, reason)
        case _:
            raise ValueError(f"another interpreter says {content!r:.200}")


def _gone(domain: int) -> None:
    """A domain has ended, or a node is lost, with all that lived there."""
    is_node = domain & _IN_NODE == 0
    whole = _NODE if is_node else 0xFFFFFFFFFFFFFFFF

    def is_over(number: int) -> bool:
        return number & whole == domain

    for pid in [pid for pid in (*_watched, *_links) if is_over(pid.parts[0])]:
        _over(pid, "noconnection")
    over = {number for number in _asking if is_over(number)}
    if is_node or domain in _peers:
        # What was to be spawned wherever, or anywhere on that node, may have been there.
        over |= {_ANY, domain & _NODE} & _asking.keys()
    for number in over:
        _asking.pop(number).fail(_domain(number), "noconnection")
    for watchers in _watchers.values():
        watchers -= {pid for pid in watchers if is_over(pid.parts[0])}
    _peers[:] = [number for number in _peers if not is_over(number)]


def _answer(request: object) -> object:
    try:
        match request:
            case ("spawn", what, None | tuple() as arguments):
                return "ok", core.spawn(_found(what), *(arguments or ()))
            case ("main", Pid() as to) if to.parts[0] == core.own_domain() & _NODE:
                return "ok", _start_main(to)
            case ("whereis", str() as name):
                return "ok", _names.whereis(name)
            case ("info", int() as most):
                return "ok", _info(most)
    except Exception as error:
        return "error", f"{type(error).__name__}: {error}"
    return "error", f"no such request: {request!r:.200}"


# --- spawning ---


def _info(most: int) -> tuple:
    """Counts of all that has been here, and of those that were busiest since this was asked for last: pid,
    function, status, messages that wait, steps."""
    busiest = []
    for pid, steps, waiting in core.busiest(most):
        status, _, _, program, _ = core.info(pid)
        function = program[0] if isinstance(program, tuple) else program
        name = getattr(function, "__qualname__", None)
        busiest.append((pid, str(name or "?")[:200], status, waiting, steps))
    counts = core.counters()
    counts["restarts"] = _supervisor().restarts
    return counts, busiest


def _supervisor() -> ModuleType:
    from ophidia.tasklets import _supervisor

    return _supervisor


def _start_main(to: Pid) -> Pid | None:
    """Spawns the program's main tasklet, of whose end that one is told; None where there is none."""
    from ophidia.tasklets import _loop

    if not _loop.mains:
        return None
    main, arguments = _loop.mains.pop()
    pid = core.spawn(main, *arguments)
    core.extra(pid)  # of one without, an end that is "normal" is told nobody
    _told_by_message[pid] = to
    return pid


def _named(function: Callable) -> tuple:
    """How a function is called in another domain: by its module and name, or with its source."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if module is None or name is None:
        raise TypeError(f"{function!r} has no name by which another interpreter could find it")
    if "<" not in name:
        return (module, name)
    if not _trusts:
        raise ValueError(
            f"{name} is no function of a module: another interpreter cannot find it (in a group that is "
            "trusted its source would go there)"
        )
    return (module, function.__name__, textwrap.dedent(inspect.getsource(function)))


def _found(what: object) -> Callable:
    match what:
        case (str() as module, str() as name, str() as source) if _trusts:
            names = dict(vars(sys.modules.get(module, sys.modules["__main__"])))
            exec(compile(source, f"<{name} of another interpreter>", "exec"), names)
            return names[name]
        case (str() as module, str() as name):
            found = _lookup(module, name)
            if _is_tasklet(found, module):
                return found
            raise ValueError(
                f"{module}.{name} is no tasklet of the program: an async function, a generator function or "
                "a Server is"
            )
    raise ValueError("source of a function comes only from interpreters of a group that is trusted")


def _lookup(module: str, name: str) -> object:
    if module.partition(".")[0] in sys.stdlib_module_names:
        raise ValueError(
            f"{module}.{name} is of the standard library: only the program's own functions are spawned"
        )
    found = sys.modules.get(module)
    if found is None:
        found = __import__(module, fromlist=["*"])
    for part in name.split("."):
        found = vars(found)[part]
    return found


def _is_tasklet(found: object, module: str) -> bool:
    from ophidia.tasklets._server import Server

    if getattr(found, "__module__", None) != module:
        return False
    if isinstance(found, FunctionType):
        return inspect.iscoroutinefunction(found) or inspect.isgeneratorfunction(found)
    return isinstance(found, type) and issubclass(found, Server)


async def spawn_on(*arguments: object) -> Pid:
    """`await spawn_on(function, *arguments)` spawns a tasklet in whichever domain of the group has least to do;
    `await spawn_on(domain, function, *arguments)` in that one, or on the node of that name. The function is
    found by its module and name there, so it has to be a function of a module, or of the program that all
    domains run; in a group that is trusted, its source goes there where it is neither."""
    if arguments and callable(arguments[0]):
        arguments = (_ANY, *arguments)
    if len(arguments) < 2 or not callable(arguments[1]):
        raise TypeError("spawn_on(function, *arguments), or spawn_on(domain, function, *arguments)")
    domain, function, *rest = arguments
    if isinstance(domain, Pid):
        domain = domain.parts[0] or core.own_domain()
    if isinstance(domain, str):
        if domain not in _nodes:
            raise ValueError(f"no node is called {domain!r}: there are {', '.join(_nodes) or 'none'}")
        domain = _nodes[domain]
    if not isinstance(domain, int):
        raise TypeError(f"a domain is a number, not {type(domain).__name__}: domains() lists them")
    if domain == core.own_domain():
        return core.spawn(function, *rest)
    request = ("spawn", _named(function), tuple(rest))
    match await core.call(_domain(domain), request):
        case ("ok", Pid() as pid):
            return pid
        case (_, reason):
            raise RuntimeError(f"{function.__qualname__} was not spawned there: {reason}")
    raise RuntimeError(f"{function.__qualname__} was not spawned there")
