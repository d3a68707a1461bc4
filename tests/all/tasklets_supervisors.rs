//! Supervisors: strategies, restarts of each kind of child, how many in which time, children that come and go.

use crate::tasklets::{flush, passes};

/// What the tests of supervisors begin with.
const SUPERVISED: &str = r#"
quiet()
async def worker(name):
    register(name)
    while (message := await receive()) != "end":
        if message == "crash": raise ValueError(name)
def workers(names, **options):
    return tuple(child(worker, name, id=name, **options) for name in names)
async def again(names, do):
    await turns(20)
    before = {name: whereis(name) for name in names}
    do()
    await turns(40)
    return "".join(name for name in names if whereis(name) and whereis(name) != before[name])
"#;

#[track_caller]
fn supervised(source: &str) {
    passes(&format!("{SUPERVISED}{}", flush(source)));
}

#[test]
fn supervisors_start_again_what_has_ended() {
    supervised(
        r#"
        async def main():
            for strategy, expected in (("one_for_one", "b"), ("one_for_all", "abc"), ("rest_for_one", "bc")):
                pid, ref = spawn_monitor(Supervisor, workers("abc"), strategy)
                assert await again("abc", lambda: send("b", "crash")) == expected, strategy
                assert await again("abc", lambda: exit("b", "kill")) == expected, strategy
                assert await again("abc", lambda: send("b", "end")) == expected, strategy
                assert [id for id, _ in await call(pid, "which_children")] == list("abc")
                assert (await call(pid, "count_children"))["active"] == 3
                exit(pid, "shutdown")
                assert await ended(ref) == "shutdown"
                assert [whereis(name) for name in "abc"] == [None] * 3
        "#,
    );
}

#[test]
fn restarts_are_as_each_child_asks() {
    supervised(
        r#"
        async def main():
            sup = spawn(Supervisor, workers("p") + workers("t", restart="transient") + workers("x", restart="temporary"),
                        "one_for_one", 100)
            assert await again("ptx", lambda: [send(name, "crash") for name in "ptx"]) == "pt"
            assert await again("ptx", lambda: [send(name, "end") for name in "pt"]) == "p"
            assert [id for id, _ in await call(sup, "which_children")] == ["p", "t"]
            assert dict(await call(sup, "which_children"))["t"] is None
            pid = await call(sup, ("restart_child", "t"))
            await turns()
            assert whereis("t") == pid
            assert await again("pt", lambda: exit("t", "shutdown")) == ""
            await call(sup, ("restart_child", "t"))
            assert await again("pt", lambda: exit("t", ("shutdown", 5))) == ""
            exit(sup, "shutdown")
            await turns()
            # A temporary one is not started again with the others either.
            sup = spawn(Supervisor, workers("a") + workers("x", restart="temporary") + workers("b"), "one_for_all")
            assert await again("axb", lambda: send("a", "crash")) == "ab" and whereis("x") is None
            assert [id for id, _ in await call(sup, "which_children")] == ["a", "b"]
            raises(ValueError, lambda: child(worker, restart="always"))
            raises(TypeError, child, 5)
            raises(TypeError, lambda: child(worker, id=[]))
        "#,
    );
}

#[test]
fn too_many_restarts_end_the_supervisor() {
    supervised(
        r#"
        async def crashes(): raise ValueError
        async def main():
            _, ref = spawn_monitor(Supervisor, workers("a") + (child(crashes),), "one_for_one", 3, 5.0)
            assert await ended(ref) == "shutdown" and whereis("a") is None
            before = counters()["spawned"]
            _, ref = spawn_monitor(Supervisor, (child(crashes),), "one_for_one", 10)
            assert await ended(ref) == "shutdown"
            assert counters()["spawned"] - before == 1 + 1 + 10
            # Within the period.
            sup = spawn(Supervisor, workers("a"), "one_for_one", 1, 0.02)
            for _ in range(4):
                assert await again("a", lambda: send("a", "crash")) == "a"
                await sleep(0.03)
            assert sup.is_alive
            # In a tree, the one above starts it again.
            inner = child(Supervisor, workers("b"), "one_for_one", 0, id="inner")
            top = spawn(Supervisor, (inner, *workers("c")))
            assert await again("bc", lambda: send("b", "crash")) == "b"
            exit(top, "shutdown")
            await turns(20)
            assert whereis("b") is None and whereis("c") is None
            kind, said = await outcome(Supervisor, (), "none")
            assert kind == "ValueError" and "rest_for_one" in said
            twice = workers("a") + workers("a")
            assert (await outcome(Supervisor, twice))[0] == "ValueError"
        "#,
    );
}

#[test]
fn children_come_and_go() {
    supervised(
        r#"
        async def stubborn():
            trap_exit()
            while True: await receive()
        class Tidy(Server):
            async def init(self): trap_exit()
            async def terminate(self, reason): log.append(reason)
        log = []
        async def main():
            sup = spawn(Supervisor)
            a = await call(sup, ("start_child", workers("a")[0]))
            assert isinstance(a, Pid)
            assert (await call(sup, ("start_child", workers("a")[0])))[0] == "error"
            assert await again("a", lambda: send("a", "crash")) == "a"
            assert await call(sup, ("restart_child", "a")) == ("error", "running")
            assert await call(sup, ("terminate_child", "a")) == "ok" and whereis("a") is None
            await turns()
            assert whereis("a") is None
            for wrong in (("terminate_child", "none"), ("terminate_child", []), "nonsense", 5, ("start_child", 5)):
                assert (await call(sup, wrong))[0] == "error"
            cast(sup, "nonsense")
            sup << "nonsense" << ("EXIT", self_(), "normal")
            # One that does not end when it is asked to is killed.
            pid = await call(sup, ("start_child", child(stubborn, shutdown=0.02)))
            await turns()
            assert await call(sup, ("terminate_child", "stubborn")) == "ok" and not pid.is_alive
            pid = await call(sup, ("start_child", child(Tidy)))
            await turns()
            assert await call(sup, ("terminate_child", "Tidy")) == "ok" and log == ["shutdown"]
            # It ends with the one that has spawned it.
            async def parent():
                trap_exit()
                inner = spawn_link(Supervisor, workers("z"))
                await turns(10)
                return inner
            assert await outcome(parent) == "normal"
            await turns(20)
            assert whereis("z") is None and sup.is_alive
        "#,
    );
}
