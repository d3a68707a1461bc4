//! Sessions: interpreters that are kept between requests. The requests of one run one after another, in the order in
//! which they came.

use super::asleep::Name;
use super::core::Core;
use super::fair::Number;
use super::job::{Id, Job};
use super::request::Request;
use super::sleeper::{Away, Sleep, Stage, Task};
use crate::convert::{Args, FromPython};
use crate::error::{Error, Lost, PoolError, Result};
use crate::pool::Pending;
use crate::python::Interpreter;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One session, as the pool has it.
struct Kept {
    key: Name,
    tenant: Number,
    /// A request of it waits in the fair queue or is under way.
    busy: bool,
    behind: VecDeque<Job>,
    interpreter: Option<Interpreter>,
    /// What its next request is told.
    lost: Option<Lost>,
    /// When its interpreter was started.
    started: Instant,
    used: Instant,
    /// When its interpreter ends, unless it is used.
    end: Option<Instant>,
    handles: usize,
    /// Its interpreter goes when it is not busy, and is for no request that comes after this one.
    ending: Option<Id>,
    /// Where it sleeps.
    away: Option<Away>,
    /// Whether no file can be its own: it has ended since it was written, if there is one.
    fresh: bool,
    /// When it is put away, if it rests.
    sleep: Option<Instant>,
    /// When it was tried in vain to put it away.
    tried: Option<Instant>,
}

/// All sessions of a pool.
#[derive(Default)]
pub(super) struct Sessions {
    numbers: HashMap<Name, u64>,
    kept: HashMap<u64, Kept>,
    ends: BTreeSet<(Instant, u64)>,
    /// When sessions that rest are put away.
    sleeps: BTreeSet<(Instant, u64)>,
    /// How long they rest before; `None` when they never are.
    pub(super) after: Option<Duration>,
    pub(super) sleep: Sleep,
    last: u64,
}

/// The interpreter of a session's request.
pub(super) enum Had {
    Interpreter(Interpreter),
    /// It sleeps.
    Asleep(Away, Name),
    /// There is none yet; one that was to end goes. With a name, an earlier process may have put it away.
    None(Option<Interpreter>, Option<Name>),
    /// It is gone, or has come to its end.
    Lost(PoolError, Option<Interpreter>),
}

impl Sessions {
    /// The session's number; a new one when it has none.
    pub(super) fn open(&mut self, key: Name, tenant: Number, most: usize) -> Result<(u64, bool)> {
        if let Some(number) = self.numbers.get(&key) {
            if let Some(kept) = self.kept.get_mut(number) {
                kept.handles += 1;
            }
            return Ok((*number, false));
        }
        if self.kept.len() >= most {
            return Err(PoolError::SessionsFull { key: key.1, limit: most }.into());
        }
        self.last += 1;
        let now = Instant::now();
        self.numbers.insert(key.clone(), self.last);
        let fresh = self.sleep.is_removing(&key);
        let kept = Kept {
            key,
            tenant,
            busy: false,
            behind: VecDeque::new(),
            interpreter: None,
            lost: None,
            started: now,
            used: now,
            end: None,
            handles: 1,
            ending: None,
            away: None,
            fresh,
            sleep: None,
            tried: None,
        };
        self.kept.insert(self.last, kept);
        Ok((self.last, true))
    }

    /// Puts a job behind another one of its session; gives it back when there is none.
    pub(super) fn queue(&mut self, session: Option<u64>, job: Job) -> Option<Job> {
        let Some(session) = session else { return Some(job) };
        let Some(kept) = self.kept.get_mut(&session) else { return Some(job) };
        if kept.busy {
            kept.behind.push_back(job);
            return None;
        }
        kept.busy = true;
        take_end(&mut self.ends, session, &mut kept.end);
        take_end(&mut self.sleeps, session, &mut kept.sleep);
        Some(job)
    }

    /// The next job, now that one is over.
    pub(super) fn next(&mut self, session: u64, now: Instant) -> Option<Job> {
        let kept = self.kept.get_mut(&session)?;
        kept.used = now;
        let next = kept.behind.pop_front();
        kept.busy = next.is_some();
        next
    }

    pub(super) fn take_behind(&mut self, session: Option<u64>, id: Id) -> Option<Job> {
        let kept = self.kept.get_mut(&session?)?;
        let at = kept.behind.iter().position(|job| job.id == id)?;
        kept.behind.remove(at)
    }

    /// Takes the interpreter for a request.
    pub(super) fn take(&mut self, session: u64, id: Id, life: Option<Duration>) -> Had {
        let Some(kept) = self.kept.get_mut(&session) else { return Had::None(None, None) };
        if kept.ending.is_some_and(|last| id > last) {
            kept.ending = None;
            give_up(&mut self.sleep, kept);
            return Had::None(kept.interpreter.take(), None);
        }
        let over = life.filter(|life| kept.is_there() && kept.started.elapsed() >= *life);
        if let Some(reason) = kept.lost.take().or(over.map(Lost::Life)) {
            give_up(&mut self.sleep, kept);
            let lost = PoolError::SessionLost { key: kept.key.1.clone(), reason };
            return Had::Lost(lost, kept.interpreter.take());
        }
        if let Some(interpreter) = kept.interpreter.take() {
            return Had::Interpreter(interpreter);
        }
        match &kept.away {
            Some(away) => Had::Asleep(away.clone(), kept.key.clone()),
            None => Had::None(None, Some(kept.key.clone()).filter(|_| !kept.fresh)),
        }
    }

    /// A request goes on with one that has slept, and was started then.
    pub(super) fn woken(&mut self, session: u64, started: Instant) {
        self.sleep.counts.woken += 1;
        let Some(kept) = self.kept.get_mut(&session) else { return };
        if let Some(away) = kept.away.take() {
            self.sleep.took(&away);
        }
        kept.started = started;
    }

    /// What an earlier process has put away of it has come to its end.
    pub(super) fn found_old(&mut self, session: u64) {
        if let Some(kept) = self.kept.get_mut(&session) {
            give_up(&mut self.sleep, kept);
        }
    }

    /// A request begins with a new one.
    pub(super) fn starts(&mut self, session: u64) {
        if let Some(kept) = self.kept.get_mut(&session) {
            kept.started = Instant::now();
        }
    }

    /// Keeps an interpreter, or the reason why there is none any more. Gives back one that is not to be kept.
    pub(super) fn keep(
        &mut self,
        session: u64,
        had: Result<Interpreter, Lost>,
    ) -> Option<Interpreter> {
        let Some(kept) = self.kept.get_mut(&session) else { return had.ok() };
        match had {
            Ok(interpreter) => kept.interpreter.replace(interpreter),
            Err(reason) => {
                give_up(&mut self.sleep, kept);
                // Of one that is to end, nobody misses anything.
                kept.lost = Some(reason).filter(|_| kept.ending.is_none());
                None
            }
        }
    }

    /// Enters when a session that is not busy ends.
    pub(super) fn rests(&mut self, session: u64, idle: Option<Duration>, life: Option<Duration>) {
        let Some(kept) = self.kept.get_mut(&session).filter(|kept| !kept.busy) else { return };
        let idle = idle.and_then(|idle| kept.used.checked_add(idle));
        let life = life.and_then(|life| kept.started.checked_add(life));
        let mut end = [idle, life].into_iter().flatten().min();
        if kept.ending.is_some() || !kept.is_there() {
            // The keeper looks at it at once: it may be one to forget.
            end = Some(kept.used);
        }
        take_end(&mut self.ends, session, &mut kept.end);
        kept.end = end;
        self.ends.extend(end.map(|end| (end, session)));
        take_end(&mut self.sleeps, session, &mut kept.sleep);
        if let Some(after) = self.after.filter(|_| kept.interpreter.is_some()) {
            let again = kept.tried.and_then(|tried| tried.checked_add(after.max(AGAIN)));
            kept.sleep =
                kept.used.checked_add(after).map(|at| again.map_or(at, |again| at.max(again)));
            self.sleeps.extend(kept.sleep.map(|at| (at, session)));
        }
    }

    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|(end, _)| *end)
    }

    /// Ends what is over by now: interpreters to drop, and the tenants of sessions that are forgotten.
    pub(super) fn end_old(
        &mut self,
        now: Instant,
        idle: Option<Duration>,
        life: Option<Duration>,
    ) -> Vec<(Option<Number>, Option<Interpreter>)> {
        let mut ended = Vec::new();
        while let Some((end, session)) = self.ends.first().copied().filter(|(end, _)| *end <= now) {
            self.ends.remove(&(end, session));
            let Some(kept) = self.kept.get_mut(&session) else { continue };
            kept.end = None;
            if kept.busy {
                continue;
            }
            take_end(&mut self.sleeps, session, &mut kept.sleep);
            let was_there = kept.is_there();
            let interpreter = kept.interpreter.take();
            let asked = kept.ending.take();
            if was_there || asked.is_some() {
                give_up(&mut self.sleep, kept);
            }
            if was_there && asked.is_none() {
                let old =
                    |life: Duration| kept.started.checked_add(life).is_some_and(|at| at <= now);
                kept.lost = match (life, idle) {
                    (Some(life), _) if old(life) => Some(Lost::Life(life)),
                    (_, Some(idle)) => Some(Lost::Idle(idle)),
                    _ => None,
                };
            }
            // Whoever still has a handle is told; else nobody could be.
            let tenant = (kept.handles == 0).then_some(kept.tenant);
            if tenant.is_some()
                && let Some(kept) = self.kept.remove(&session)
            {
                self.numbers.remove(&kept.key);
            }
            ended.push((tenant, interpreter));
        }
        ended
    }

    /// A handle is gone; says whether the session may be one to forget.
    fn drop_handle(&mut self, session: u64) {
        if let Some(kept) = self.kept.get_mut(&session) {
            kept.handles = kept.handles.saturating_sub(1);
        }
    }

    /// Its interpreter is for no request that comes after this one.
    fn end(&mut self, session: u64, last: Id) {
        if let Some(kept) = self.kept.get_mut(&session) {
            kept.ending = Some(last);
            kept.lost = None;
        }
    }

    pub(super) fn with_interpreter(&self) -> usize {
        self.kept.values().filter(|kept| kept.interpreter.is_some() || kept.busy).count()
    }

    /// All jobs that wait behind others.
    pub(super) fn all_behind(&self) -> Vec<Id> {
        self.kept.values().flat_map(|kept| kept.behind.iter().map(|job| job.id)).collect()
    }

    /// Takes all interpreters.
    pub(super) fn take_all(&mut self) -> Vec<Interpreter> {
        self.ends.clear();
        self.sleeps.clear();
        self.kept.values_mut().filter_map(|kept| kept.interpreter.take()).collect()
    }
}

/// How sessions go to sleep. Whoever puts one away has it to himself: it is busy.
impl Sessions {
    /// When the next one is to be put away, of which so many may rest awake.
    pub(super) fn next_sleep(&self, now: Instant, awake: usize) -> Option<Instant> {
        let (due, session) = *self.sleeps.first()?;
        let crowded = self.sleeps.len() > awake && self.is_new(session);
        let at = if crowded { now } else { due };
        Some(self.sleep.pause.map_or(at, |pause| at.max(pause)))
    }

    fn is_new(&self, session: u64) -> bool {
        self.kept.get(&session).is_some_and(|kept| kept.tried.is_none())
    }

    /// Gives those to the sleeper that are to be put away by now; says whether there are any.
    pub(super) fn put_away(&mut self, now: Instant, awake: usize) -> bool {
        let before = self.sleep.tasks.len();
        while self.next_sleep(now, awake).is_some_and(|at| at <= now)
            && let Some((_, session)) = self.sleeps.pop_first()
        {
            self.puts_away(session);
        }
        self.sleep.tasks.len() > before
    }

    fn puts_away(&mut self, session: u64) {
        let Some(kept) = self.kept.get_mut(&session) else { return };
        kept.sleep = None;
        let Some(interpreter) = kept.interpreter.take() else { return };
        kept.busy = true;
        take_end(&mut self.ends, session, &mut kept.end);
        let (name, started) = (kept.key.clone(), kept.started);
        self.sleep.tasks.push_back(Task::PutAway(session, name, Box::new(interpreter), started));
    }

    /// The pool ends: all of them are put away where that lasts.
    pub(super) fn all_sleep(&mut self, lasts: bool) {
        self.sleep.stage = Stage::Ends;
        self.sleeps.clear();
        let all = self.kept.iter().filter(|(_, kept)| lasts && kept.ending.is_none());
        let all: Vec<u64> = all.map(|(session, _)| *session).collect();
        all.into_iter().for_each(|session| self.puts_away(session));
    }

    /// It sleeps, and has slept no shorter than since it was used.
    pub(super) fn sleeps(&mut self, session: u64, away: Away) {
        let Some(kept) = self.kept.get_mut(&session) else { return self.sleep.took(&away) };
        kept.tried = None;
        kept.away = Some(away);
    }

    /// It could not be put away. Gives back an interpreter that nobody has a place for.
    pub(super) fn stays_awake(
        &mut self,
        session: u64,
        interpreter: Interpreter,
    ) -> Option<Interpreter> {
        let Some(kept) = self.kept.get_mut(&session) else { return Some(interpreter) };
        kept.tried = Some(Instant::now());
        kept.interpreter.replace(interpreter)
    }

    /// The one that has been longest in memory.
    pub(super) fn oldest_in_memory(&self) -> Option<(u64, Name, Arc<[u8]>)> {
        let session = self.sleep.oldest()?;
        let kept = self.kept.get(&session)?;
        match &kept.away {
            Some(Away::Memory(bytes, _)) => Some((session, kept.key.clone(), Arc::clone(bytes))),
            _ => None,
        }
    }

    /// It lies in the folder now, unless it was woken meanwhile.
    pub(super) fn moved_to_folder(&mut self, session: u64, moved: &Arc<[u8]>) {
        let Some(kept) = self.kept.get_mut(&session) else { return };
        if let Some(Away::Memory(bytes, _)) = &kept.away
            && Arc::ptr_eq(bytes, moved)
            && let Some(away) = kept.away.replace(Away::Folder)
        {
            self.sleep.took(&away);
        }
    }

    pub(super) fn in_folder(&self) -> usize {
        self.kept.values().filter(|kept| matches!(kept.away, Some(Away::Folder))).count()
    }
}

impl Kept {
    /// Whether it has anything to lose.
    fn is_there(&self) -> bool {
        self.interpreter.is_some() || self.away.is_some()
    }
}

/// What is put away of a session is nobody's any more.
fn give_up(sleep: &mut Sleep, kept: &mut Kept) {
    if let Some(away) = kept.away.take() {
        sleep.took(&away);
    }
    kept.fresh = true;
    sleep.remove(&kept.key);
}

/// How long a session is left alone at least that could not be put away.
const AGAIN: Duration = Duration::from_secs(1);

/// Takes an end out of the order.
fn take_end(ends: &mut BTreeSet<(Instant, u64)>, session: u64, end: &mut Option<Instant>) {
    if let Some(end) = end.take() {
        ends.remove(&(end, session));
    }
}

/// A session: one interpreter for requests that come one after another, kept between them. Its clones, and all that
/// have its key, are the same session.
///
/// Its requests run in the order in which they were handed in. The interpreter is started by the first. It is thrown
/// away when a request leaves it unusable or is cancelled, when nobody has used it for
/// [`PoolBuilder::session_idle`](crate::PoolBuilder::session_idle), and at the end of
/// [`PoolBuilder::session_life`](crate::PoolBuilder::session_life). The next request is then refused by
/// [`PoolError::SessionLost`], once; the one after that begins with a new interpreter. When no handle of the session is
/// left, there is nobody to tell, and nothing is.
#[derive(Clone, Debug)]
pub struct Session(pub(super) Arc<Handle>);

pub(super) struct Handle {
    pub(super) core: Arc<Core>,
    pub(super) number: u64,
    pub(super) tenant: String,
    key: String,
}

impl Core {
    pub(super) fn open_session(self: &Arc<Self>, tenant: &str, key: &str) -> Result<Session> {
        super::tenants::check_name("session", key)?;
        let mut state = self.state.lock();
        if state.closing.is_closing() {
            return Err(PoolError::ShuttingDown.into());
        }
        let now = &mut *state;
        let number = now.tenants.enter(tenant, &mut now.fair, Instant::now())?;
        let name = (tenant.to_owned(), key.to_owned());
        let (session, new) = now.sessions.open(name, number, self.settings.sessions)?;
        if new {
            now.tenants.sessions(number, true);
        }
        drop(state);
        Ok(Session(Arc::new(Handle {
            core: Arc::clone(self),
            number: session,
            tenant: tenant.to_owned(),
            key: key.to_owned(),
        })))
    }
}

impl Session {
    /// The key it was asked for by.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.0.key
    }

    /// Starts a request of this session. Its limits and grants are the pool's.
    #[must_use]
    pub fn request(&self) -> Request {
        Request::of_session(self)
    }

    /// Runs statements in `__main__`.
    pub fn run(&self, source: impl Into<String>) -> Pending<()> {
        self.request().run(source)
    }

    /// Evaluates an expression in `__main__`.
    pub fn eval<T: FromPython + Send + 'static>(&self, source: impl Into<String>) -> Pending<T> {
        self.request().eval(source)
    }

    /// Calls a function, as [`Request::call`] does.
    pub fn call<T: FromPython + Send + 'static>(
        &self,
        function: impl Into<String>,
        args: impl Args + Send + 'static,
    ) -> Pending<T> {
        self.request().call(function, args)
    }

    /// Does anything with the interpreter, as [`Request::with`] does.
    pub fn with<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Interpreter) -> Result<T, Error> + Send + 'static,
    ) -> Pending<T> {
        self.request().with(body)
    }

    /// Ends the session once the requests that were handed in are over: its interpreter is dropped. A request that
    /// comes later begins with a new one, and is told of no loss.
    pub fn end(self) {
        let core = &self.0.core;
        let mut state = core.state.lock();
        let last = core.last_id();
        state.sessions.end(self.0.number, last);
        core.session_rests(&mut state, self.0.number);
    }
}

impl Core {
    pub(super) fn session_rests(&self, state: &mut super::core::State, session: u64) {
        let (idle, life) = (self.settings.session_idle, self.settings.session_life);
        state.sessions.rests(session, idle, life);
        self.wake_keeper(state);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.core.state.lock();
        state.sessions.drop_handle(self.number);
        self.core.session_rests(&mut state, self.number);
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("tenant", &self.tenant).field("key", &self.key).finish()
    }
}
