//! Sessions that rest awake, and how they go to sleep. Whoever puts one away has it to himself: it is busy.

use super::Sessions;
use crate::pool::asleep::Name;
use crate::pool::sleeper::{Away, Stage, Task};
use crate::python::Interpreter;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// Sessions that rest, each by when it is put away.
#[derive(Default)]
pub(super) struct Resting {
    /// Of these the first is put away at once when there are too many.
    ready: BTreeSet<(Instant, u64)>,
    /// Those that could not be put away the last time.
    tried: BTreeSet<(Instant, u64)>,
}

impl Resting {
    pub(super) fn enter(&mut self, session: u64, at: Instant, tried: bool) {
        let resting = if tried { &mut self.tried } else { &mut self.ready };
        resting.insert((at, session));
    }

    pub(super) fn leave(&mut self, session: u64, at: &mut Option<Instant>) {
        if let Some(at) = at.take()
            && !self.ready.remove(&(at, session))
        {
            self.tried.remove(&(at, session));
        }
    }

    pub(super) fn clear(&mut self) {
        self.ready.clear();
        self.tried.clear();
    }

    fn len(&self) -> usize {
        self.ready.len() + self.tried.len()
    }

    /// The next one, and when it is to be put away where so many may rest.
    fn next(&self, now: Instant, most: usize) -> Option<(Instant, u64)> {
        let crowded = self.len() > most;
        let ready = self.ready.first().map(|(at, session)| {
            let at = if crowded { now.min(*at) } else { *at };
            (at, *session)
        });
        ready.into_iter().chain(self.tried.first().copied()).min()
    }
}

/// How many sessions may rest awake.
#[derive(Clone, Copy)]
pub(in crate::pool) struct Awake {
    pub(in crate::pool) most: usize,
    /// Requests that wait for the slots of others.
    pub(in crate::pool) waiting: usize,
}

impl Sessions {
    /// When the next one is to be put away.
    pub(in crate::pool) fn next_sleep(&self, now: Instant, awake: Awake) -> Option<Instant> {
        self.next_to_sleep(now, awake).map(|(at, _)| at)
    }

    fn next_to_sleep(&self, now: Instant, awake: Awake) -> Option<(Instant, u64)> {
        // What is being put away makes room for as many.
        let waiting = awake.waiting.saturating_sub(self.sleep.under_way);
        let most = awake.most.min(self.resting.len().saturating_sub(waiting));
        let (at, session) = self.resting.next(now, most)?;
        Some((self.sleep.pause.map_or(at, |pause| at.max(pause)), session))
    }

    /// Gives those to the sleeper that are to be put away by now.
    pub(in crate::pool) fn put_away(&mut self, now: Instant, awake: Awake) {
        while let Some((at, session)) = self.next_to_sleep(now, awake)
            && at <= now
        {
            self.puts_away(session);
        }
    }

    fn puts_away(&mut self, session: u64) {
        let Some(kept) = self.kept.get_mut(&session) else { return };
        self.resting.leave(session, &mut kept.sleep);
        let Some(interpreter) = kept.interpreter.take() else { return };
        kept.busy = true;
        self.sleep.under_way += 1;
        super::take_end(&mut self.ends, session, &mut kept.end);
        let (name, started) = (kept.key.clone(), kept.started);
        self.sleep.tasks.push_back(Task::PutAway(session, name, Box::new(interpreter), started));
    }

    /// The pool ends: all of them are put away where that lasts.
    pub(in crate::pool) fn all_sleep(&mut self, lasts: bool) {
        self.sleep.stage = Stage::Ends;
        self.resting.clear();
        let all = self.kept.iter().filter(|(_, kept)| lasts && kept.ending.is_none());
        let all: Vec<u64> = all.map(|(session, _)| *session).collect();
        all.into_iter().for_each(|session| self.puts_away(session));
    }

    /// It sleeps, and has slept no shorter than since it was used.
    pub(in crate::pool) fn sleeps(&mut self, session: u64, away: Away) {
        self.sleep.under_way -= 1;
        let Some(kept) = self.kept.get_mut(&session) else { return self.sleep.took(&away) };
        kept.tried = None;
        kept.away = Some(away);
    }

    /// It could not be put away. Gives back an interpreter that nobody has a place for.
    pub(in crate::pool) fn stays_awake(
        &mut self,
        session: u64,
        interpreter: Interpreter,
    ) -> Option<Interpreter> {
        self.sleep.under_way -= 1;
        let Some(kept) = self.kept.get_mut(&session) else { return Some(interpreter) };
        kept.tried = Some(Instant::now());
        kept.interpreter.replace(interpreter)
    }

    /// The one that has been longest in memory.
    pub(in crate::pool) fn oldest_in_memory(&self) -> Option<(u64, Name, Arc<[u8]>)> {
        let session = self.sleep.oldest()?;
        let kept = self.kept.get(&session)?;
        match &kept.away {
            Some(Away::Memory(bytes, _)) => Some((session, kept.key.clone(), Arc::clone(bytes))),
            _ => None,
        }
    }

    /// It lies in the folder now, unless it was woken meanwhile.
    pub(in crate::pool) fn moved_to_folder(&mut self, session: u64, moved: &Arc<[u8]>) {
        let Some(kept) = self.kept.get_mut(&session) else { return };
        if let Some(Away::Memory(bytes, _)) = &kept.away
            && Arc::ptr_eq(bytes, moved)
            && let Some(away) = kept.away.replace(Away::Folder)
        {
            self.sleep.took(&away);
        }
    }

    pub(in crate::pool) fn in_folder(&self) -> usize {
        self.kept.values().filter(|kept| matches!(kept.away, Some(Away::Folder))).count()
    }
}
