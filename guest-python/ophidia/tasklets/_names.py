"""Names of tasklets, and groups of them. Both go with those that end."""

from _ophidia import _tasklets as core
from _ophidia._tasklets import Pid

from ophidia.tasklets import _ends

_names: dict[str, Pid] = {}
_groups: dict[object, dict[Pid, None]] = {}


def register(name: str, pid: Pid | None = None) -> None:
    """Gives a name to a tasklet, the one that calls this by default: it can be sent to by that."""
    pid = core.self_() if pid is None else pid
    if not isinstance(name, str):
        raise TypeError(f"a name is a str, not {type(name).__name__}")
    if name in _names:
        raise ValueError(f"the name {name!r} is taken, by {_names[name]!r} (unregister it first)")
    extra = core.extra(pid)
    if extra is None:
        raise ValueError(f"{pid!r} has ended, or lives elsewhere: it cannot be registered")
    _names[name] = pid
    extra.names.add(name)


def unregister(name: str) -> None:
    """Takes a name away."""
    pid = lookup(name)
    del _names[name]
    extra = core.extra(pid, False)
    if extra is not None:
        extra.names.discard(name)


def whereis(name: str) -> Pid | None:
    """The tasklet of a name, or None."""
    return _names.get(name)


def registered() -> dict[str, Pid]:
    """All names."""
    return dict(_names)


def lookup(name: object) -> Pid:
    """The tasklet of a name, where there must be one."""
    if not isinstance(name, str):
        raise TypeError(f"a pid or a registered name is wanted, not {type(name).__name__}")
    try:
        return _names[name]
    except KeyError:
        raise ValueError(f"no tasklet is registered as {name!r}") from None


def join(group: object, pid: Pid | None = None) -> None:
    """Makes a tasklet, the one that calls this by default, a member of a group: any hashable names one."""
    pid = core.self_() if pid is None else pid
    extra = core.extra(pid)
    if extra is None:
        raise ValueError(f"{pid!r} has ended, or lives elsewhere: it cannot join {group!r}")
    _groups.setdefault(group, {})[pid] = None
    extra.groups.add(group)


def leave(group: object, pid: Pid | None = None) -> None:
    """Ends that; nothing happens to one that is no member."""
    pid = core.self_() if pid is None else pid
    extra = core.extra(pid, False)
    if extra is not None:
        extra.groups.discard(group)
    _drop(group, pid)


def _drop(group: object, pid: Pid) -> None:
    found = _groups.get(group)
    if found is not None:
        found.pop(pid, None)
        if not found:
            del _groups[group]


def members(group: object) -> list[Pid]:
    """The members of a group, in the order they have joined."""
    return list(_groups.get(group, ()))


def publish_here(group: object, message: object) -> int:
    """Sends a message to the members in this interpreter."""
    found = members(group)
    for pid in found:
        try:
            core.send(pid, message)
        except _ends.MailboxFull:
            pass
    return len(found)


def publish(group: object, message: object) -> int:
    """Sends a message to all members of a group, one to each other domain for all that are there; gives how
    many are in this interpreter. One whose mailbox is full misses it."""
    from ophidia.tasklets import _remote

    for domain in _remote.domains():
        core.post(core.make_pid(domain, 0xFFFFFFFF, 0), ("publish", group, message))
    return publish_here(group, message)


def _over(pid: Pid, extra: _ends.Extra) -> None:
    for name in extra.names:
        if _names.get(name) == pid:
            del _names[name]
    for group in extra.groups:
        _drop(group, pid)


_ends.at_end.append(_over)
