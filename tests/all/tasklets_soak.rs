//! Random kills at every layer: in a tree of supervisors, and among nodes over a network that is cut at random. Whoever calls is
//! answered all the same, sooner or later, and nothing is left over.

use crate::groups::wait;
use crate::nodes::{Network, text};
use crate::tasklets::passes;
use ophidia::{Conditions, Simulated, Value};
use std::time::{Duration, Instant};

/// Two layers of supervisors below a root, and workers.
const TREE: &str = r#"
import random
quiet()
KINDS = ("one_for_one", "one_for_all", "rest_for_one")

class Worker(Server):
    async def init(self, name):
        register(name)
    async def handle_call(self, number): return number + 1

def tree(chance):
    def branch(number):
        workers = tuple(child(Worker, f"w{number}.{i}", id=i) for i in range(3))
        return child(Supervisor, workers, chance.choice(KINDS), 1_000_000, id=number)
    return tuple(branch(number) for number in range(4)), "one_for_one", 1_000_000

async def root(arguments):
    # The top of the tree is started again, too.
    while True:
        _, ref = spawn_monitor(Supervisor, *arguments)
        await receive(("DOWN", ref, ...,  ...))

async def chaos(chance, kills, spared):
    for _ in range(kills):
        await sleep(chance.choice((0, 0, 0.001)))
        victims = [pid for pid in processes() if pid not in spared]
        if victims:
            exit(chance.choice(victims), chance.choice(("kill", "boom", "shutdown")))

async def asks(chance, calls, answered):
    for number in range(calls):
        name = f"w{chance.randrange(4)}.{chance.randrange(3)}"
        for attempt in range(10_000):
            try:
                assert await call(name, number, 5) == number + 1
                break
            except (ValueError, ProcessExited):
                await sleep(0.0005)
        else:
            raise AssertionError(f"{name} does not answer")
    answered.append(calls)

async def soak(seed, kills, calls):
    chance, answered = random.Random(seed), []
    top = spawn(root, tree(chance))
    spared = {self_(), top}
    clients = [spawn_monitor(asks, chance, calls, answered) for _ in range(4)]
    spared |= {pid for pid, _ in clients}
    killer, ref = spawn_monitor(chaos, chance, kills, spared)
    spared.add(killer)
    for _, one in ((killer, ref), *clients):
        reason = (await receive(("DOWN", one, ..., ...)))[3]
        assert reason == "normal", reason
    assert answered == [calls] * 4, answered
    # Once it is quiet, the tree is whole, and there is nothing else.
    for _ in range(10_000):
        await sleep(0.001)
        if len(processes()) == 2 + 1 + 4 + 12 and len(registered()) == 12: break
    else:
        raise AssertionError((len(processes()), sorted(registered())))
    exit(top, "kill")
"#;

#[test]
fn a_tree_of_supervisors_keeps_answering() {
    for seed in 0..4 {
        passes(&format!("{TREE}\nasync def main():\n    await soak({seed}, 1_500, 400)\n"));
    }
}

/// Keeps a worker on each node, and answers for them.
const KEEPER: &str = "
class Work(Server):
    async def handle_call(self, number): return number * 2
async def keeper(to, names):
    workers, watched = {}, {}
    async def place(name):
        try:
            pid = await spawn_on(name, Work)
        except (ValueError, RuntimeError):
            send_after(0.02, self_(), ('place', name))
            return
        workers[name] = pid
        watched[monitor(pid)] = name
    for name in names: await place(name)
    to << 'kept'
    while True:
        match await receive():
            case ('DOWN', ref, _, _):
                name = watched.pop(ref)
                workers.pop(name, None)
                await place(name)
            case ('place', name): await place(name)
            case ('kill', name):
                if name in workers: exit(workers[name], 'kill')
            case ('ask', name, number):
                if name in workers: spawn(ask, to, workers[name], name, number)
                else: to << ('none', name, number)
async def ask(to, pid, name, number):
    try: to << ('answer', name, await call(pid, number, 2))
    except (ProcessExited, TimeoutError) as error: to << ('none', name, number)
";

#[test]
fn nodes_that_are_cut_off_at_random_keep_answering() {
    wait(async {
        let simulated = Simulated::new(21);
        simulated.set(Conditions::new(0.05, 0.05, (Duration::ZERO, Duration::from_millis(5))));
        let network = Network::Simulated(simulated.clone());
        let lost_after = Duration::from_millis(400);
        let mut one = network.join("node-a", 1, KEEPER, lost_after).await;
        let others = ["node-b", "node-c"];
        let mut nodes = Vec::new();
        for name in others {
            nodes.push(network.join(name, 1, KEEPER, lost_after).await);
        }
        one.sees(2).await;
        let names = Value::from(others.map(Value::from).to_vec());
        let to = Value::Pid(one.mailbox.pid());
        let domain = one.group.domains()[0];
        let keeper = one.group.spawn_on(domain, "keeper", (to, names)).await.expect("spawned");
        assert_eq!(text(&one.mailbox.receive().await), "kept");
        let mut state = 99u32;
        let mut draw = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        let (until, mut asked, mut answered, mut number) =
            (Instant::now() + Duration::from_secs(8), 0, 0, 0);
        while Instant::now() < until || asked > 0 {
            if Instant::now() < until {
                let name = others[draw(2) as usize];
                match draw(60) {
                    0 => simulated.cut("node-a", name, true),
                    1..4 => simulated.cut("node-a", name, false),
                    4 => one.group.send(keeper, ("kill", name)).expect("sent"),
                    _ => {
                        number += 1;
                        asked += 1;
                        one.group.send(keeper, ("ask", name, number)).expect("sent");
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            while let Some(message) = one.mailbox.try_receive() {
                asked -= 1;
                answered += u32::from(text(&message).contains("answer"));
            }
        }
        assert!(answered > 100, "{answered} of {number} were answered");
        // Once the network is whole, both answer again, and every message is accounted for.
        simulated.set(Conditions::GOOD);
        for name in others {
            simulated.cut("node-a", name, false);
        }
        for name in others {
            loop {
                one.group.send(keeper, ("ask", name, 21)).expect("sent");
                if text(&one.mailbox.receive().await) == format!("('answer', '{name}', 42)") {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        for node in nodes.iter().chain([&one]) {
            while node.node.peers().iter().any(|peer| peer.messages.on_their_way() > 0) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
}
