"""Supervisors: servers that start others, and start them again when they end."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from _ophidia import _tasklets as core
from _ophidia._tasklets import Pid

from ophidia.tasklets import _ends
from ophidia.tasklets._server import Server

_STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")
_RESTARTS = ("permanent", "transient", "temporary")

# How often supervisors of this interpreter have started children again.
restarts = 0


@dataclass(frozen=True)
class Child:
    """How a child is started, and when again."""

    id: object
    function: Callable
    arguments: tuple
    restart: str
    shutdown: float


def child(
    function: Callable, *arguments: object, id: object = None, restart: str = "permanent", shutdown: float = 5.0
) -> Child:
    """A child of a supervisor. It is started again when it ends: always ("permanent"), unless its reason was
    "normal" or "shutdown" ("transient"), or never ("temporary"). It has `shutdown` seconds to end when it is
    asked to, and is killed then."""
    if not callable(function):
        raise TypeError(f"a child starts as a function or a class, not as {function!r:.200}")
    if restart not in _RESTARTS:
        raise ValueError(f"restart={restart!r}: it is one of {', '.join(_RESTARTS)}")
    name = getattr(function, "__qualname__", repr(function)) if id is None else id
    hash(name)
    return Child(name, function, arguments, restart, shutdown)


class Supervisor(Server):
    """`spawn(Supervisor, children, strategy, intensity, period)`.

    When a child ends that is to be started again, so is it alone ("one_for_one"), are all ("one_for_all"), or
    those that were started after it, too ("rest_for_one"). More than `intensity` restarts within `period`
    seconds end the supervisor, with "shutdown", and its children. Without children, it gets them by
    `call(pid, ("start_child", child(…)))`; other requests: `("terminate_child", id)`, `("restart_child",
    id)`, `"which_children"`, `"count_children"`.
    """

    async def init(
        self, children: tuple = (), strategy: str = "one_for_one", intensity: int = 3, period: float = 5.0
    ) -> None:
        if strategy not in _STRATEGIES:
            raise ValueError(f"strategy={strategy!r}: it is one of {', '.join(_STRATEGIES)}")
        self.strategy, self.intensity, self.period = strategy, intensity, period
        self.children: dict[object, tuple[Child, Pid | None]] = {}
        self.restarts: deque[float] = deque()
        _ends.trap_exit(True)
        for one in children:
            self._add(one if isinstance(one, Child) else child(one))

    def _add(self, one: Child) -> Pid:
        if one.id in self.children:
            raise ValueError(f"there is a child {one.id!r} already (give it an id of its own)")
        return self._start(one)

    def _start(self, one: Child) -> Pid:
        pid = _ends.spawn_link(one.function, *one.arguments)
        self.children[one.id] = (one, pid)
        return pid

    async def _shut(self, ids: list) -> None:
        """Ends children, the last one first."""
        for id in reversed(ids):
            one, pid = self.children[id]
            self._ended(id)
            if pid is None:
                continue
            ref = _ends.monitor(pid)
            _ends.exit(pid, "shutdown")
            try:
                await core.receive(("DOWN", ref, ..., ...), one.shutdown)
            except TimeoutError:
                _ends.exit(pid, "kill")
                await core.receive(("DOWN", ref, ..., ...))
            # Its exit signal came before.
            try:
                await core.receive(("EXIT", pid, ...), 0)
            except TimeoutError:
                pass

    async def handle_info(self, message: object) -> None:
        match message:
            case ("EXIT", Pid() as pid, reason):
                for id, (one, own) in self.children.items():
                    if own == pid:
                        await self._over(id, one, reason)
                        return
                # Not a child: one that asks it to end, or an end that is nobody's business here.
                if not _is(reason, "normal"):
                    self.stop(reason)

    async def handle_cast(self, request: object) -> None:
        """There are none."""

    def _ended(self, id: object) -> None:
        """A child has ended; nobody asks for a temporary one again."""
        one, _ = self.children[id]
        if one.restart == "temporary":
            del self.children[id]
        else:
            self.children[id] = (one, None)

    async def _over(self, id: object, one: Child, reason: object) -> None:
        order = list(self.children)
        self._ended(id)
        if one.restart == "temporary" or (one.restart == "transient" and _is_orderly(reason)):
            return
        now = monotonic()
        self.restarts.append(now)
        global restarts
        restarts += 1
        while self.restarts and self.restarts[0] < now - self.period:
            self.restarts.popleft()
        if len(self.restarts) > self.intensity:
            self.stop("shutdown")
        ids = {
            "one_for_one": [id],
            "one_for_all": order,
            "rest_for_one": order[order.index(id) :],
        }[self.strategy]
        await self._shut(ids)
        for again in ids:
            if again in self.children:
                self._start(self.children[again][0])

    async def handle_call(self, request: object) -> object:
        match request:
            case ("start_child", Child() as one):
                try:
                    return self._add(one)
                except ValueError as error:
                    return ("error", str(error))
            case ("terminate_child", id) if self._has(id):
                await self._shut([id])
                return "ok"
            case ("restart_child", id) if self._has(id):
                one, pid = self.children[id]
                return self._start(one) if pid is None else ("error", "running")
            case "which_children":
                return [(id, pid) for id, (_, pid) in self.children.items()]
            case "count_children":
                return {
                    "specs": len(self.children),
                    "active": sum(pid is not None for _, pid in self.children.values()),
                    "restarts": len(self.restarts),
                }
        return ("error", f"no child or no such request: {request!r:.200}")

    def _has(self, id: object) -> bool:
        try:
            return id in self.children
        except TypeError:
            return False

    async def terminate(self, reason: object) -> None:
        await self._shut(list(self.children))


def _is(reason: object, text: str) -> bool:
    return isinstance(reason, str) and reason == text


def _is_orderly(reason: object) -> bool:
    """Whether it has ended because it was asked to, or was done; also as `("shutdown", details)`."""
    if isinstance(reason, tuple) and len(reason) == 2:
        return _is(reason[0], "shutdown")
    return _is(reason, "normal") or _is(reason, "shutdown")
