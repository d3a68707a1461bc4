%% The same work in Erlang: prints a name and its seconds a line.
-module(bench).
-export([main/0]).

main() ->
    show("spawned", fun() -> spawned(1000000) end),
    show("answered", fun() -> answered(1000000) end),
    show("ping_pong", fun() -> ping_pong(500000) end),
    show("ring", fun() -> ring(1000, 1000) end),
    show("calls", fun() -> calls(100000, 0) end),
    show("calls_behind", fun() -> calls(100000, 100000) end),
    halt(0).

%% The best of three, each in a process of its own.
show(Name, Work) ->
    Times = [timed(Work) || _ <- lists:seq(1, 3)],
    io:format("~s ~.6f~n", [Name, lists:min(Times)]).

timed(Work) ->
    Self = self(),
    {_, Monitor} = spawn_monitor(fun() ->
        {Time, _} = timer:tc(Work),
        Self ! {time, Time}
    end),
    receive {time, Time} -> ok end,
    receive {'DOWN', Monitor, process, _, _} -> ok end,
    Time / 1000000.

spawned(Count) ->
    Last = lists:foldl(fun(_, _) -> spawn_monitor(fun() -> ok end) end, none, lists:seq(1, Count)),
    {_, Monitor} = Last,
    receive {'DOWN', Monitor, process, _, _} -> ok end.

answered(Count) ->
    Self = self(),
    [spawn(fun() -> Self ! 1 end) || _ <- lists:seq(1, Count)],
    [receive 1 -> ok end || _ <- lists:seq(1, Count)].

ping_pong(Rounds) ->
    Other = spawn_link(fun pong/0),
    [begin Other ! self(), receive 1 -> ok end end || _ <- lists:seq(1, Rounds)].

pong() -> receive Pid -> Pid ! 1, pong() end.

ring(Members, Rounds) ->
    First = lists:foldl(fun(_, Next) -> spawn_link(fun() -> forward(Next) end) end, self(), lists:seq(2, Members)),
    [begin First ! 1, receive 1 -> ok end end || _ <- lists:seq(1, Rounds)].

forward(Next) -> receive Message -> Next ! Message, forward(Next) end.

calls(Count, Waiting) ->
    Server = spawn_link(fun echo/0),
    [self() ! {waits, Number} || Number <- lists:seq(1, Waiting)],
    [call(Server, Number) || Number <- lists:seq(1, Count)].

%% As gen_server does: a new reference, by which the receive is found without a look at what waits before.
call(Server, Request) ->
    Ref = monitor(process, Server),
    Server ! {call, self(), Ref, Request},
    receive {Ref, Reply} -> demonitor(Ref, [flush]), Reply end.

echo() -> receive {call, Pid, Ref, Request} -> Pid ! {Ref, Request}, echo() end.
