//! An interpreter at rest as data, and how another instance goes on as it: everything but the pages of its memory.

use super::builder::{Opened, instantiate};
use super::runtime::Runtime;
use super::settings::Sandbox;
use super::state::State;
use super::underway::UnderWay;
use super::{Interpreter, Python, Streams};
use crate::bridge::{self, Exported};
use crate::convert::ToPython;
use crate::error::{CheckpointError, Error, Result};
use crate::function::Call;
use crate::sandbox::carried;
use crate::sandbox::control::Control;
use crate::sandbox::memories::Beginning;
use crate::sandbox::pages::Pages;
use crate::sandbox::travel::{Bytes, Damaged, Travel, travels};
use crate::sandbox::wasi::{Branch, NoWay};
use crate::value::Object;
use crate::value::Value;
use crate::value::handle::{Domain, Handle};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::AsContextMut;

/// The function of the guest that renews seeds, among the library's own.
pub(crate) const SEEDS: &str = "seeds";

/// What the guest holds of the host, by number.
pub(crate) type Table = Vec<Option<Exported>>;

/// An interpreter at rest, but for its pages and the host's values.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    pub(crate) sandbox: carried::Carried,
    kept: Vec<(String, Handle)>,
    /// The function that renews seeds, where there is one.
    seeds: Option<Handle>,
    programs: Vec<(u64, Handle, Duration)>,
    /// Every handle that the guest may hold an object for.
    given: Vec<Handle>,
    /// The number of the last asynchronous call, and those that are under way.
    last_call: i64,
    calls: Vec<CarriedCall>,
    /// What keys of calls are made of.
    life: Option<u128>,
}

impl Carried {
    /// Lets it have spent nothing, and be another one.
    pub(crate) fn renew(&mut self) {
        self.sandbox.renew();
        self.life = None;
    }

    /// Lets time pass for it.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.sandbox.pass(time);
        for (_, _, spent) in &mut self.programs {
            *spent = spent.saturating_add(time);
        }
    }

    /// Whether asynchronous functions of the host are under way.
    pub(crate) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }
}

travels!(Carried { sandbox, kept, seeds, programs, given, last_call, calls, life });

/// An asynchronous call of the host that is under way.
#[derive(Clone, Debug)]
pub(crate) struct CarriedCall {
    number: i64,
    /// What was called; nothing of a call that cannot be made again.
    what: Option<(String, Arc<[u8]>)>,
    /// Objects among the arguments.
    objects: Vec<Handle>,
    /// Which of all calls of the host it is.
    ordinal: u64,
}

travels!(CarriedCall { number, what, objects, ordinal });

impl Travel for Handle {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(*self).put(out);
    }

    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        let number = u64::take(from)?;
        let handle = Self::new(number as u32, (number >> 32) as u32);
        if handle.generation() == 0 {
            return Err(Damaged("a handle without a generation".into()));
        }
        Ok(handle)
    }
}

/// An asynchronous call that was under way where an interpreter comes from.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) number: i64,
    /// The function's name behind its module's, and the arguments.
    pub(crate) what: Option<(String, Call)>,
    /// Bytes of the host that the arguments take.
    pub(crate) held: u64,
    /// Which of all calls of the host it is.
    pub(crate) ordinal: u64,
}

/// With what an interpreter goes on.
pub(crate) struct GoingOn<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) streams: Streams,
    pub(crate) carried: &'a Carried,
    pub(crate) table: Table,
    /// What its memory begins with, and the pages that differ from that.
    pub(crate) began: &'a Arc<Beginning>,
    pub(crate) pages: &'a Pages<'a>,
    pub(crate) how: Branch,
}

impl Interpreter {
    /// Keeps an object under a name for the interpreters that go on from this one: a child, or one that is restored, has it
    /// by [`kept`](Self::kept). All other objects that Rust holds here stay behind, and are let go of there. It is held as
    /// long as it is kept, and replaces what had the name.
    ///
    /// ```
    /// # fn main() -> ophidia::Result<()> {
    /// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
    /// let model = py.eval_object("{'weights': [1, 2, 3]}")?;
    /// py.keep("model", &model)?;
    /// let mut child = py.fork()?;
    /// assert!(model.repr(&mut child).is_err(), "it is the parent's");
    /// let model = child.kept("model").expect("kept");
    /// assert_eq!(model.get_item(&mut child, "weights")?.len(&mut child)?, 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`] for an object of another interpreter.
    pub fn keep(&mut self, name: impl Into<String>, object: &Object) -> Result<()> {
        self.guest().handle(object)?;
        self.state_mut().session.kept.insert(name.into(), object.clone());
        Ok(())
    }

    /// What was kept under a name, here or where this interpreter comes from.
    #[must_use]
    pub fn kept(&self, name: &str) -> Option<Object> {
        self.state().session.kept.get(name).cloned()
    }

    /// Keeps it no longer, and gives it.
    pub fn unkeep(&mut self, name: &str) -> Option<Object> {
        self.state_mut().session.kept.remove(name)
    }

    /// The names under which something is kept, in alphabetical order.
    #[must_use]
    pub fn kept_names(&self) -> Vec<String> {
        self.state().session.kept.keys().cloned().collect()
    }

    /// Fails where something is under way that is not in memory, naming it.
    pub(crate) fn check_at_rest(&self) -> Result<()> {
        let State { sandbox, bridge, .. } = self.state();
        if let Some(reason) = &sandbox.poisoned {
            return Err(Error::poisoned(reason.clone()));
        }
        let why = match (sandbox.calls, sandbox.level) {
            (0, 0) if bridge.conversions.any => {
                "a scope of converters is open: leave it first".into()
            }
            (0, 0) => return Ok(()),
            (calls, level) => format!(
                "{calls} calls of functions of the host are under way, and Python code at level {level} waits for them: \
                 do it when they have returned"
            ),
        };
        Err(CheckpointError::NotAtRest(why).into())
    }

    /// Writes down everything but its pages. For another process, with what calls under way were made with.
    pub(crate) fn carried(&mut self, how: Branch) -> Result<Carried> {
        self.check_at_rest()?;
        let fuel = self.fuel()?;
        let mut calls = Vec::new();
        let (last_call, under_way) = self.state().session.tasks.under_way();
        let recorded = |(number, call): (i64, Option<&crate::function::Recorded>)| {
            let ordinal = call.map_or(0, |call| call.ordinal);
            (number, ordinal, call.map(|call| (call.function.path(), call.call.clone())))
        };
        let under_way: Vec<_> = under_way.into_iter().map(recorded).collect();
        for (number, ordinal, call) in under_way {
            let (mut what, mut objects) = (None, Vec::new());
            if let (Some((path, call)), Branch::Restore) = (call, how) {
                let value = call.into_value();
                if self.objects_in(&value, &mut objects) {
                    let write = |out: &mut bridge::Encoder<'_>| value.to_python(out);
                    let bytes =
                        self.guest().encoded(write, |_, bytes| (false, Ok(bytes.into())))?;
                    what = Some((path, bytes));
                }
            }
            calls.push(CarriedCall { number, what, objects, ordinal });
        }
        let life = if how == Branch::Restore { Some(self.life()?) } else { None };
        let State { sandbox, bridge, session } = self.state();
        let handle = |object: &Object| object.handle_in(&bridge.domain);
        let kept = session.kept.iter().filter_map(|(name, it)| Some((name.clone(), handle(it)?)));
        let programs = session.programs.iter();
        let programs =
            programs.filter_map(|(number, of)| Some((*number, handle(of.task())?, of.spent())));
        Ok(Carried {
            sandbox: sandbox.carried(fuel),
            kept: kept.collect(),
            seeds: session.helpers.get(SEEDS).and_then(handle),
            programs: programs.collect(),
            given: bridge.domain.given(),
            last_call,
            calls,
            life,
        })
    }

    /// Collects the objects in a value; `false` where something of the host's is in it, which cannot be written down.
    fn objects_in(&self, value: &Value, objects: &mut Vec<Handle>) -> bool {
        match value {
            Value::Host(_) => false,
            Value::Object(object) => {
                objects.extend(object.handle_in(&self.state().bridge.domain));
                true
            }
            Value::Member(_) => !value.holds_object(),
            Value::List(items)
            | Value::Tuple(items)
            | Value::Set(items)
            | Value::FrozenSet(items) => items.iter().all(|item| self.objects_in(item, objects)),
            Value::Dict(pairs) => pairs.iter().all(|(key, value)| {
                self.objects_in(key, objects) && self.objects_in(value, objects)
            }),
            _ => true,
        }
    }

    /// What the guest holds of the host: the same values, for a child in this process.
    pub(crate) fn table(&self) -> &[Option<Exported>] {
        self.state().bridge.table.entries()
    }

    /// The pages of its memory that differ from the image, or from what it began with. No other thread can change them
    /// meanwhile.
    pub(crate) fn pages(&self, pristine: &Beginning) -> Result<Pages<'_>> {
        let memory = self.state().sandbox.memory()?;
        let frame = self.state().sandbox.frame;
        Ok(Pages::find(memory.all(self.context()), frame, pristine, &self.began))
    }

    /// Streams of a child: its own where some are given, else as the parent's.
    pub(crate) fn branch_streams(&self, given: Streams) -> Streams {
        let sandbox = &self.state().sandbox;
        Streams {
            stdin: Some(given.stdin.unwrap_or_else(|| sandbox.wasi.branch_input())),
            stdout: Some(given.stdout.unwrap_or_else(|| sandbox.stdout.branch())),
            stderr: Some(given.stderr.unwrap_or_else(|| sandbox.stderr.branch())),
        }
    }

    /// Another interpreter that goes on as that one. Gives the asynchronous calls that were under way there, each of which
    /// is to be ended or made again.
    pub(crate) fn going_on(from: GoingOn<'_>) -> Result<(Self, Vec<Pending>)> {
        let GoingOn { runtime, sandbox, streams, carried, table, began, pages, how } = from;
        let limits = sandbox.limits();
        let spent = &carried.sandbox.spent;
        let control = Control::going_on(limits, spent.life, spent.cpu);
        let streams: Opened = Opened::of(sandbox, streams);
        let mut this = instantiate(runtime, sandbox, streams, control, began, |state| {
            let State { sandbox, bridge, session } = state;
            sandbox.go_on(&carried.sandbox)?;
            sandbox.wasi.go_on(&carried.sandbox.wasi, how).map_err(|why| match why {
                NoWay::Limit(limit) => Error::Limit(limit),
                NoWay::Grant(said) => Error::grant(said),
                NoWay::Damaged(damaged) => damaged_checkpoint(damaged),
            })?;
            bridge.table = bridge::Table::of(table, limits.objects)?;
            session.tasks.go_on(carried.last_call);
            session.life = carried.life;
            Ok(())
        })?;
        {
            let mut guest = this.guest();
            let memory = guest.memory()?;
            if let Err(error) = pages.apply(memory, guest.store.as_context_mut()) {
                return Err(match guest.sandbox().ledger.take_refused() {
                    Some(limit) => limit.into(),
                    None => error,
                });
            }
        }
        this.guest().check_frames().map_err(|said| damaged_checkpoint(Damaged(said)))?;
        let pending = this.adopt(carried)?;
        Ok((this, pending))
    }

    /// Takes over the handles that were kept, and lets go of all others.
    fn adopt(&mut self, carried: &Carried) -> Result<Vec<Pending>> {
        let domain = Arc::clone(&self.state().bridge.domain);
        let mut held = HashMap::new();
        let mut hold = |handle: Handle| -> Result<Object> {
            if let Some(object) = held.get(&handle) {
                return Ok(Object::clone(object));
            }
            let object = bridge::hold(&domain, handle)?;
            held.insert(handle, object.clone());
            Ok(object)
        };
        let kept = carried.kept.iter();
        let kept: Result<BTreeMap<_, _>> =
            kept.map(|(name, handle)| Ok((name.clone(), hold(*handle)?))).collect();
        let programs = carried.programs.iter();
        let programs: Result<BTreeMap<_, _>> = programs
            .map(|(number, handle, spent)| {
                Ok((*number, UnderWay::going_on(hold(*handle)?, *spent)))
            })
            .collect();
        let seeds = carried.seeds.map(|seeds| Object::own(&domain, seeds));
        let session = &mut self.state_mut().session;
        session.helpers.extend(seeds.map(|seeds| (SEEDS, seeds)));
        (session.kept, session.programs) = (kept?, programs?);
        let mut pending = Vec::new();
        for call in &carried.calls {
            let (what, held) = match &call.what {
                Some((path, bytes)) => {
                    let (call, held) = self.call_of(bytes)?;
                    (Some((path.clone(), call)), held)
                }
                None => (None, 0),
            };
            pending.push(Pending { number: call.number, what, held, ordinal: call.ordinal });
        }
        let of_calls = carried.calls.iter().flat_map(|call| &call.objects);
        let used: HashSet<_> = held.keys().chain(of_calls).chain(&carried.seeds).copied().collect();
        let left = carried.given.iter().filter(|handle| !used.contains(handle));
        release(&domain, left.copied().collect());
        Ok(pending)
    }

    /// The arguments of a call, as they were written down, and the bytes of the host that they take.
    fn call_of(&mut self, bytes: &[u8]) -> Result<(Call, u64)> {
        let State { sandbox, bridge, .. } = self.state();
        let owner = bridge::Owner {
            domain: &bridge.domain,
            table: &bridge.table,
            limit: bridge.value_limit,
            held: bridge.arguments.used().0,
            holding: Some(&sandbox.ledger.holding),
            control: None,
        };
        let wrong = || damaged_checkpoint(Damaged("the arguments of a call".into()));
        let (mut values, held) = match bridge::decode_all(owner, bytes, 1) {
            Ok(decoded) => decoded,
            Err(Error::Limit(limit)) => return Err(limit.into()),
            Err(_) => return Err(wrong()),
        };
        let call = values.pop().and_then(Call::from_value).ok_or_else(wrong)?;
        Ok((call, held))
    }

    /// Whether a function of the host has asked for a checkpoint since this was last asked.
    pub(crate) fn take_save_asked(&mut self) -> bool {
        std::mem::take(&mut self.state_mut().session.save_asked)
    }

    /// Ends an asynchronous call that was under way elsewhere by an exception.
    pub(crate) fn end_pending(&mut self, number: i64, ended: crate::function::Ended) {
        let State { sandbox, session, .. } = self.state_mut();
        session.tasks.end(number, ended, &sandbox.control);
    }
}

impl Python<'_> {
    /// What keys of calls are made of.
    pub(crate) fn life(&mut self) -> Result<u128> {
        if let Some(life) = self.state().session.life {
            return Ok(life);
        }
        let drawn = || getrandom::u64().map(u128::from);
        let life = drawn().and_then(|high| Ok(high << 64 | drawn()?));
        let life = life
            .map_err(|error| Error::host(format!("no random numbers: {error}")).because(error))?;
        self.state_mut().session.life = Some(life);
        Ok(life)
    }
}

/// Lets go of handles that nobody holds here.
fn release(domain: &Arc<Domain>, handles: Vec<Handle>) {
    if !handles.is_empty() {
        domain.return_released(handles);
    }
}

pub(crate) fn damaged_checkpoint(damaged: Damaged) -> Error {
    CheckpointError::Damaged(damaged.0).into()
}
