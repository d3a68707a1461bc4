"""Servers: tasklets that answer requests, with a class for what they keep."""

from inspect import isawaitable

from _ophidia import _tasklets as core
from _ophidia._tasklets import Pid, Ref

from ophidia.tasklets import _ends

#: What `handle_call` gives where the reply comes later, by `reply(self.sender, …)`.
NO_REPLY = object()


def cast(pid: Pid | str, request: object) -> None:
    """Sends a request to a server that nobody waits for."""
    core.send(pid, ("$cast", request))


class Server:
    """The base of servers: `spawn(YourServer, *arguments)` starts one.

    `init` gets the arguments. What the handlers raise ends the server, and `terminate` is told why, as it is
    where the server traps exits and the one that has spawned it ends.
    """

    #: Whose request `handle_call` is for: the first argument of `reply`.
    sender: tuple[Pid, Ref] | None = None

    def __init__(self, *arguments: object) -> None:
        self.__arguments = arguments

    async def init(self, *arguments: object) -> None:
        """What is done first."""

    async def handle_call(self, request: object) -> object:
        """Gives the reply of a request: `await call(pid, request)`."""
        raise NotImplementedError(f"{type(self).__name__} has no handle_call: it was asked {request!r:.200}")

    async def handle_cast(self, request: object) -> None:
        """A request without a reply: `cast(pid, request)`."""
        raise NotImplementedError(f"{type(self).__name__} has no handle_cast: it was sent {request!r:.200}")

    async def handle_info(self, message: object) -> None:
        """Any other message: it is dropped."""

    async def terminate(self, reason: object) -> None:
        """Called last: when a handler has raised or called `stop`, or the one that has spawned the server by
        `spawn_link` ends while the server traps exits. Not called for what `init` raises, nor when an exit
        signal ends the server: "kill", or any other that it does not trap."""

    def stop(self, reason: object = "normal") -> None:
        """Ends the server, from within a handler."""
        raise _ends.Exit(reason)

    async def __tasklet__(self) -> None:
        # One with an __init__ of its own has its arguments already.
        arguments = getattr(self, "_Server__arguments", ())
        # Who is linked before the first step is who has spawned it.
        extra = core.extra(core.self_(), False)
        self.__parents = frozenset() if extra is None else frozenset(extra.links)
        await _awaited(self.init(*arguments))
        try:
            while True:
                await self.__handle(await core.receive())
        except GeneratorExit:
            raise
        except BaseException as error:
            await _awaited(self.terminate(_ends.as_reason(error)))
            raise

    async def __handle(self, message: object) -> None:
        match message:
            case ("$call", (Pid(), Ref()) as sender, request):
                self.sender = sender
                answer = await _awaited(self.handle_call(request))
                if answer is not NO_REPLY:
                    core.reply(sender, answer)
            case ("$cast", request):
                await _awaited(self.handle_cast(request))
            case ("EXIT", Pid() as pid, reason) if pid in self.__parents:
                self.stop(reason)
            case _:
                await _awaited(self.handle_info(message))


async def _awaited(what: object) -> object:
    return await what if isawaitable(what) else what
