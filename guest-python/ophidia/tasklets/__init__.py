"""Tasklets: processes in Erlang's manner. They share nothing, have a mailbox each, and are told when others
end.

    from ophidia.tasklets import receive, run, self_, spawn

    async def echo():
        while True:
            sender, text = await receive()
            sender << text

    async def main():
        pid = spawn(echo)
        pid << (self_(), "hello")
        print(await receive())

    run(main)

An `async def` function is a tasklet where it is spawned, and so is a generator function that yields tuples
`(state, *arguments)`: `spawn`, `send`, `recv`, `next_msg`, `become`, `yield`, `die`; it is sent what they give.

A message is a copy, as far as it consists of lists, dicts, sets, bytearrays, tuples and arrays: what can
change is never shared. Objects of other classes are handed over as they are.
"""

from _ophidia._tasklets import (
    Pid,
    Ref,
    become,
    call,
    cancel_timer,
    counters,
    make_ref,
    next_msg,
    processes,
    put,
    receive,
    reply,
    self_,
    send,
    send_after,
    sleep,
    spawn,
    yield_,
)

from ophidia.tasklets._ends import (
    Exit,
    MailboxFull,
    ProcessExited,
    demonitor,
    exit,
    link,
    monitor,
    process_info,
    spawn_link,
    spawn_monitor,
    spawn_opt,
    trap_exit,
    unlink,
)
from ophidia.tasklets._loop import Deadlock, run, run_async
from ophidia.tasklets._names import join, leave, members, publish, register, registered, unregister, whereis
from ophidia.tasklets._remote import domains, nodes, spawn_on
from ophidia.tasklets._server import NO_REPLY, Server, cast
from ophidia.tasklets._supervisor import Supervisor, child

#: Matches anything, inside of a pattern.
ANY = ...

__all__ = [
    "ANY",
    "NO_REPLY",
    "Deadlock",
    "Exit",
    "MailboxFull",
    "Pid",
    "ProcessExited",
    "Ref",
    "Server",
    "Supervisor",
    "become",
    "call",
    "cancel_timer",
    "cast",
    "child",
    "counters",
    "demonitor",
    "domains",
    "exit",
    "join",
    "leave",
    "link",
    "make_ref",
    "members",
    "monitor",
    "next_msg",
    "nodes",
    "process_info",
    "processes",
    "publish",
    "put",
    "receive",
    "register",
    "registered",
    "reply",
    "run",
    "run_async",
    "self_",
    "send",
    "send_after",
    "sleep",
    "spawn",
    "spawn_link",
    "spawn_monitor",
    "spawn_on",
    "spawn_opt",
    "trap_exit",
    "unlink",
    "unregister",
    "whereis",
    "yield_",
]

# Where they are found, which errors say and other interpreters ask for.
for _class in (Deadlock, Exit, MailboxFull, ProcessExited, Server, Supervisor):
    _class.__module__ = __name__
del _class
