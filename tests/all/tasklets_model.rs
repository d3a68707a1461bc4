//! Random programs of tasklets against a model of what Erlang says of messages, links, monitors and exits. Both are
//! deterministic: who can run does so in turn, and a message is there as soon as it is sent.

use crate::support::{interpreter, text};
use crate::tasklets::flush;
use std::collections::VecDeque;
use std::fmt::Write;

/// Programs of one case; the first few are spawned at its start, the others by programs.
const PROGRAMS: usize = 7;
const ROOTS: usize = 3;
const CASES: u64 = 1_000;

type Reason = &'static str;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    Any,
    Number(u32),
    Kind(&'static str),
}

#[derive(Clone, Copy, Debug)]
enum Op {
    /// How: by itself, linked, monitored.
    Spawn(usize, u32),
    Send(usize, u32),
    Receive(Wanted),
    Poll(Wanted),
    Link(usize),
    Unlink(usize),
    Monitor(usize),
    /// The last monitor that has not been taken back.
    Demonitor,
    Trap(bool),
    Exit(Reason),
    ExitTo(usize, Reason),
    Crash,
    Yield,
}

#[derive(Clone, Debug)]
enum Message {
    Number(u32),
    End { kind: &'static str, of: usize, reason: Reason },
}

impl Message {
    fn is(&self, wanted: Wanted) -> bool {
        match (self, wanted) {
            (_, Wanted::Any) => true,
            (Self::Number(one), Wanted::Number(other)) => *one == other,
            (Self::End { kind, .. }, Wanted::Kind(other)) => *kind == other,
            _ => false,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::End { kind, of, reason } => format!("{kind}/{of}/{reason}"),
        }
    }
}

#[derive(Default)]
struct Process {
    program: VecDeque<Op>,
    is_alive: bool,
    was_spawned: bool,
    is_queued: bool,
    traps: bool,
    waits: Option<Wanted>,
    doom: Option<Reason>,
    mailbox: Vec<Message>,
    links: Vec<usize>,
    /// Monitors of it, and its own: the reference, and whose or of whom.
    watchers: Vec<(u32, usize)>,
    watching: Vec<(u32, usize)>,
    kept: Vec<u32>,
    log: Vec<String>,
}

/// What becomes of a program after one operation.
enum Then {
    GoesOn,
    Waits,
    Ends(Reason),
}

#[derive(Default)]
struct Model {
    processes: Vec<Process>,
    ready: VecDeque<usize>,
    over: VecDeque<(usize, Reason)>,
    is_telling: bool,
    running: Option<usize>,
    refs: u32,
}

impl Model {
    fn new(programs: &[Vec<Op>]) -> Self {
        let process = |program: &Vec<Op>| Process {
            program: program.iter().copied().collect(),
            ..Process::default()
        };
        Self { processes: programs.iter().map(process).collect(), ..Self::default() }
    }

    fn wake(&mut self, at: usize) {
        if !std::mem::replace(&mut self.processes[at].is_queued, true) {
            self.ready.push_back(at);
        }
    }

    fn spawn(&mut self, at: usize) {
        self.processes[at].is_alive = true;
        self.processes[at].was_spawned = true;
        self.wake(at);
    }

    fn send(&mut self, to: usize, message: Message) {
        if self.processes[to].is_alive {
            self.processes[to].mailbox.push(message);
            if self.processes[to].waits.is_some() {
                self.wake(to);
            }
        }
    }

    /// One that runs ends as soon as it waits; the first who has said so is the reason.
    fn end(&mut self, at: usize, reason: Reason) {
        if !self.processes[at].is_alive {
            return;
        }
        if self.running == Some(at) {
            self.processes[at].doom.get_or_insert(reason);
            return;
        }
        self.processes[at].is_alive = false;
        self.over.push_back((at, reason));
        if std::mem::replace(&mut self.is_telling, true) {
            return;
        }
        while let Some((of, reason)) = self.over.pop_front() {
            self.tell(of, reason);
        }
        self.is_telling = false;
    }

    fn tell(&mut self, of: usize, reason: Reason) {
        for other in std::mem::take(&mut self.processes[of].links) {
            let linked = &mut self.processes[other];
            if linked.is_alive && linked.links.contains(&of) {
                linked.links.retain(|one| *one != of);
                self.signal(other, of, reason);
            }
        }
        for (number, watcher) in std::mem::take(&mut self.processes[of].watchers) {
            self.processes[watcher].watching.retain(|(one, _)| *one != number);
            self.send(watcher, Message::End { kind: "DOWN", of, reason });
        }
        for (number, watched) in std::mem::take(&mut self.processes[of].watching) {
            self.processes[watched].watchers.retain(|(one, _)| *one != number);
        }
    }

    fn signal(&mut self, to: usize, of: usize, reason: Reason) {
        if self.processes[to].traps {
            self.send(to, Message::End { kind: "EXIT", of, reason });
        } else if reason != "normal" {
            self.end(to, reason);
        }
    }

    fn run(&mut self) {
        while let Some(at) = self.ready.pop_front() {
            self.processes[at].is_queued = false;
            if !self.processes[at].is_alive {
                continue;
            }
            // What has come may not be what is waited for.
            if self.processes[at].waits.is_some_and(|wanted| !self.takes(at, wanted)) {
                continue;
            }
            self.processes[at].waits = None;
            self.running = Some(at);
            let reason = loop {
                let Some(op) = self.processes[at].program.pop_front() else {
                    break Some(self.processes[at].doom.unwrap_or("normal"));
                };
                match self.step(at, op) {
                    Then::GoesOn => {}
                    Then::Waits => break self.processes[at].doom,
                    Then::Ends(reason) => break Some(reason),
                }
            };
            self.running = None;
            if let Some(reason) = reason {
                self.end(at, reason);
            }
        }
    }

    fn takes(&mut self, at: usize, wanted: Wanted) -> bool {
        let process = &mut self.processes[at];
        let found = process.mailbox.iter().position(|message| message.is(wanted));
        if let Some(found) = found {
            let message = process.mailbox.remove(found);
            process.log.push(message.shown());
        }
        found.is_some()
    }

    fn link(&mut self, at: usize, other: usize) -> Then {
        if !self.processes[other].is_alive {
            if !self.processes[at].traps {
                return Then::Ends("noproc");
            }
            self.send(at, Message::End { kind: "EXIT", of: other, reason: "noproc" });
        } else if at != other && !self.processes[at].links.contains(&other) {
            self.processes[at].links.push(other);
            self.processes[other].links.push(at);
        }
        Then::GoesOn
    }

    fn monitor(&mut self, at: usize, other: usize) {
        self.refs += 1;
        self.processes[at].kept.push(self.refs);
        if self.processes[other].is_alive {
            self.processes[other].watchers.push((self.refs, at));
            self.processes[at].watching.push((self.refs, other));
        } else {
            self.send(at, Message::End { kind: "DOWN", of: other, reason: "noproc" });
        }
    }

    fn step(&mut self, at: usize, op: Op) -> Then {
        match op {
            Op::Spawn(other, _) if self.processes[other].was_spawned => {}
            Op::Spawn(other, how) => {
                self.spawn(other);
                match how {
                    1 => return self.link(at, other),
                    2 => self.monitor(at, other),
                    _ => {}
                }
            }
            Op::Receive(wanted) => {
                if !self.takes(at, wanted) {
                    self.processes[at].waits = Some(wanted);
                    return Then::Waits;
                }
            }
            Op::Poll(wanted) => {
                if !self.takes(at, wanted) {
                    self.processes[at].log.push("late".into());
                }
            }
            Op::Trap(traps) => self.processes[at].traps = traps,
            Op::Demonitor => {
                if let Some(number) = self.processes[at].kept.pop() {
                    let watching = &mut self.processes[at].watching;
                    let found = watching.iter().position(|(one, _)| *one == number);
                    let was = found.map(|found| watching.remove(found));
                    self.processes[at].log.push(was.is_some().to_string());
                    if let Some((_, watched)) = was {
                        self.processes[watched].watchers.retain(|(one, _)| *one != number);
                    }
                }
            }
            Op::Exit(reason) => return Then::Ends(reason),
            Op::Crash => return Then::Ends("ValueError"),
            Op::Yield => {
                self.wake(at);
                return Then::Waits;
            }
            // All others name one that must have been spawned.
            Op::Send(other, _)
            | Op::Link(other)
            | Op::Unlink(other)
            | Op::Monitor(other)
            | Op::ExitTo(other, _)
                if !self.processes[other].was_spawned => {}
            Op::Send(other, number) => self.send(other, Message::Number(number)),
            Op::Link(other) => return self.link(at, other),
            Op::Unlink(other) => {
                self.processes[at].links.retain(|one| *one != other);
                self.processes[other].links.retain(|one| *one != at);
            }
            Op::Monitor(other) => self.monitor(at, other),
            Op::ExitTo(other, "kill") => self.end(other, "killed"),
            Op::ExitTo(other, reason) if other == at && !self.processes[at].traps => {
                return Then::Ends(reason);
            }
            Op::ExitTo(other, reason) => self.signal(other, at, reason),
        }
        Then::GoesOn
    }

    /// What each has received, and what is left of it.
    fn shown(&self) -> String {
        let mut text = String::new();
        for (at, process) in self.processes.iter().enumerate() {
            let mut left = String::new();
            if process.is_alive {
                let messages: Vec<_> = process.mailbox.iter().map(Message::shown).collect();
                let mut links = process.links.clone();
                links.sort_unstable();
                let monitors = (process.watching.len(), process.watchers.len());
                left = format!(" | {} | {links:?} {monitors:?}", messages.join(" "));
            }
            writeln!(text, "{at}: {}{left}", process.log.join(" ")).expect("a text takes it");
        }
        text
    }
}

/// The generator of Steele, Lea and Flood: one number after another, the same for each seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }

    fn small(&mut self) -> u32 {
        u32::try_from(self.below(4)).expect("small")
    }

    fn who(&mut self) -> usize {
        usize::try_from(self.below(PROGRAMS as u64)).expect("small")
    }

    fn wanted(&mut self) -> Wanted {
        match self.below(6) {
            0 => Wanted::Kind("EXIT"),
            1 => Wanted::Kind("DOWN"),
            2 | 3 => Wanted::Number(self.small()),
            _ => Wanted::Any,
        }
    }

    fn op(&mut self, own: usize) -> Op {
        match self.below(30) {
            0..5 => Op::Spawn(self.who(), self.small() % 3),
            5..10 => Op::Send(self.who(), self.small()),
            10..13 => Op::Receive(self.wanted()),
            13..15 => Op::Poll(self.wanted()),
            15..18 => Op::Link(self.who()),
            18 => Op::Unlink(self.who()),
            19..21 => Op::Monitor(self.who()),
            21 => Op::Demonitor,
            22..24 => Op::Trap(self.below(4) > 0),
            24 => Op::Exit(["normal", "why", "kill", "shutdown"][self.small() as usize]),
            25..27 => {
                let other = self.who();
                // One that kills itself goes on for a while: how long is nobody's business.
                let last = if other == own { "other" } else { "kill" };
                Op::ExitTo(other, ["normal", "why", "other", last][self.small() as usize])
            }
            27 => Op::Crash,
            _ => Op::Yield,
        }
    }

    fn programs(&mut self) -> Vec<Vec<Op>> {
        (0..PROGRAMS).map(|own| (0..4 + self.below(12)).map(|_| self.op(own)).collect()).collect()
    }
}

/// As data of Python's.
fn source(op: Op) -> String {
    let wanted = |wanted| match wanted {
        Wanted::Any => "None".to_owned(),
        Wanted::Number(number) => number.to_string(),
        Wanted::Kind(kind) => format!("{kind:?}"),
    };
    match op {
        Op::Spawn(who, how) => format!("('spawn',{who},{how})"),
        Op::Send(who, number) => format!("('send',{who},{number})"),
        Op::Receive(what) => format!("('receive',{},None)", wanted(what)),
        Op::Poll(what) => format!("('receive',{},0)", wanted(what)),
        Op::Link(who) => format!("('link',{who})"),
        Op::Unlink(who) => format!("('unlink',{who})"),
        Op::Monitor(who) => format!("('monitor',{who})"),
        Op::Demonitor => "('demonitor',)".to_owned(),
        Op::Trap(traps) => format!("('trap',{})", u8::from(traps)),
        Op::Exit(reason) => format!("('exit',{reason:?})"),
        Op::ExitTo(who, reason) => format!("('exit_to',{who},{reason:?})"),
        Op::Crash => "('crash',)".to_owned(),
        Op::Yield => "('yield',)".to_owned(),
    }
}

const INTERPRETER: &str = "
import logging
from ophidia.tasklets import *
from ophidia.tasklets import _ends
logging.getLogger('ophidia.tasklets').setLevel(logging.CRITICAL)

class Ordered(dict):
    'A set in the order of its items: the model tells those that are linked in turn.'
    def add(self, item): self[item] = None
    def discard(self, item): self.pop(item, None)

if isinstance(_ends.Extra().links, set):
    begin = _ends.Extra.__init__
    def ordered(self): begin(self); self.links = Ordered()
    _ends.Extra.__init__ = ordered

def shown(message):
    match message:
        case ('EXIT', pid, reason) | ('DOWN', _, pid, reason):
            reason = reason[0] if isinstance(reason, tuple) else reason
            return f'{message[0]}/{labels[pid]}/{reason}'
    return str(message)

def wanted(what):
    return (lambda m: isinstance(m, tuple) and m[0] == what) if isinstance(what, str) else what

async def program(own):
    kept, log = [], logs[own]
    for name, *arguments in programs[own]:
        match name, *arguments:
            case 'spawn', who, how if who not in pids: start(who, how, kept)
            case 'receive', what, timeout:
                try: log.append(shown(await receive(wanted(what), timeout)))
                except TimeoutError: log.append('late')
            case 'trap', traps: trap_exit(bool(traps))
            case ('demonitor',) if kept: log.append(str(demonitor(kept.pop())).lower())
            case 'exit', reason: exit(reason)
            case ('crash',): raise ValueError
            case ('yield',): await yield_()
            case _, who, *_ if who not in pids: pass
            case 'send', who, number: pids[who] << number
            case 'link', who: link(pids[who])
            case 'unlink', who: unlink(pids[who])
            case 'monitor', who: kept.append(monitor(pids[who]))
            case 'exit_to', who, reason: exit(pids[who], reason)

def start(who, how=0, kept=None):
    pids[who] = spawn(program, who)
    labels[pids[who]] = who
    if how == 1: link(pids[who])
    if how == 2: kept.append(monitor(pids[who]))

def result(own):
    info = process_info(pids[own], 1000) if own in pids else None
    if info is None: return f\"{own}: {' '.join(logs[own])}\\n\"
    links = sorted(labels[pid] for pid in info['links'])
    monitors = len(info['monitors']), len(info['monitored_by'])
    messages = ' '.join(map(shown, info['messages']))
    return f\"{own}: {' '.join(logs[own])} | {messages} | {links} {monitors}\\n\"

async def main(count):
    for who in range(count): start(who)
    for _ in range(200): await yield_()
    text = ''.join(result(own) for own in range(len(programs)))
    for pid in list(pids.values()): exit(pid, 'kill')
    assert counters()['alive'] == 1
    return text

def case(given, count):
    global programs, logs, pids, labels
    programs, logs, pids, labels = given, [[] for _ in given], {}, {}
    return run(main, count)
";

#[test]
fn random_programs_do_what_the_model_says() {
    let mut py = interpreter();
    py.run(&flush(INTERPRETER)).expect("the interpreter");
    let (mut received, mut ended) = (0, 0);
    for seed in 0..CASES {
        let programs = Chance(seed).programs();
        let mut model = Model::new(&programs);
        (0..ROOTS).for_each(|root| model.spawn(root));
        model.run();
        let lists = programs.iter().map(|program| {
            let ops: Vec<_> = program.iter().copied().map(source).collect();
            format!("[{}]", ops.join(","))
        });
        let given = lists.collect::<Vec<_>>().join(",\n");
        let seen = text(&mut py, &format!("case([{given}], {ROOTS})"));
        assert!(seen == model.shown(), "seed {seed}:\n{given}\n{seen}\nmodel:\n{}", model.shown());
        received += model.processes.iter().map(|process| process.log.len()).sum::<usize>();
        ended += model.processes.iter().filter(|one| one.was_spawned && !one.is_alive).count();
    }
    // They do something.
    assert!(received > CASES as usize && ended > CASES as usize, "{received}, {ended}");
}
