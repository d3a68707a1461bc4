//! What ends a tasklet alone, and what ends the run: exits of the program, times that are over, loops that are closed.

use crate::library::RUNTIME;
use crate::support::raised;
use crate::tasklets::{passes, passes_in};
use ophidia::Interpreter;
use std::time::Duration;

/// An interpreter with tasklets that end the program while they are closed.
fn cleaning() -> Interpreter {
    passes(
        r#"
        log = []
        async def cleans():
            try: await receive("never")
            finally: sys.exit(3)
        async def idle(): await receive("never")
        async def main():
            global pid
            pid = spawn(cleans)
            await turns()
        async def kills():
            try:
                exit(pid, "kill")
                await sleep(1e6)
            finally: log.append("cleaned")
        async def fine(): return len(processes())
        "#,
    )
}

/// As where it is called by the tasklet that runs.
#[test]
fn sys_exit_in_a_block_that_cleans_up_ends_the_run() {
    let mut py = cleaning();
    assert_eq!(raised(py.run("run(kills)")).exit_status, Some(3));
    py.run("assert log == ['cleaned'] and not pid.is_alive and run(fine) == 1").expect("usable");
    // One that is killed where no tasklet runs: the next run ends.
    py.run("run(main)\nexit(pid, 'kill')\nassert not pid.is_alive").expect("killed");
    assert_eq!(raised(py.run("run(fine)")).exit_status, Some(3));
    py.run("assert run(fine) == 1").expect("usable");
}

/// A tasklet that is told that its time is over, and goes on: what it raises itself is its own.
#[test]
fn errors_of_the_programs_own_are_not_taken_for_the_hosts() {
    let builder = RUNTIME.interpreter().timeout(Duration::from_millis(200));
    let mut py = builder.grace(Duration::from_secs(60)).build().expect("one");
    passes_in(
        &mut py,
        r#"
        quiet()
        def spin():
            while True: pass
        async def late():
            try: spin()
            except TimeoutError: pass
            # At the place in memory that the other had.
            raise TimeoutError("mine")
        async def main():
            assert await outcome(late) == ("TimeoutError", "mine")
        "#,
    );
}

/// What they await belongs to the loop, and nobody can be told there any more.
#[test]
fn tasklets_are_killed_whose_loop_is_closed() {
    passes(
        r#"
        async def waits(): await asyncio.get_running_loop().create_future()
        async def begins():
            global pids
            pids = [spawn(waits) for _ in range(2)]
            await turns()
        async def main():
            ref = monitor(pids[0])
            exit(pids[0], "kill")
            assert await ended(ref) == "killed"
        asyncio.run(run_async(begins))
        # Where no tasklet runs, too.
        exit(pids[1], "kill")
        assert [pid.is_alive for pid in pids] == [True, False]
        "#,
    );
}
