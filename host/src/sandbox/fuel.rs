//! Fuel: an exact count of the guest's work, in what metered code takes from its budget.

use super::control::Stop;
use super::state::HasSandbox;
use crate::error::LimitExceeded;
use crate::image::BUDGET;
use wasmtime::{AsContextMut, Caller, Global, StoreContextMut, Val};

/// What guest code has spent of its budget, the count of which goes on here: a budget was spent, and so much
/// more (`left` is below zero). The next one is what there is fuel for.
pub(crate) fn refill<T: HasSandbox>(caller: &mut Caller<'_, T>, left: i32) -> Result<(), Stop> {
    let state = caller.data_mut().sandbox_mut();
    let next = state.ledger.fuel.burn(left).map_err(Stop::Limit)?;
    if let (Some(budget), true) = (state.budget, next < BUDGET) {
        set(caller.as_context_mut(), budget, next);
    }
    Ok(())
}

/// Sets what guest code takes from next.
pub(crate) fn set<T: HasSandbox>(store: StoreContextMut<'_, T>, budget: Global, next: i32) {
    // The global is ours: it is of this type and can be set.
    let _ = budget.set(store, Val::I32(next));
}

/// What the bridge's mark takes that is there to have the host called (`SIZE_MAX` code units, and 1): more than any
/// work does at once, the largest copy of memory included.
const LOOK: u64 = 1 << 28;

/// What one interpreter may burn, and has burnt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fuel {
    limit: Option<u64>,
    /// Of budgets that are spent.
    burnt: u64,
    /// The budget that guest code takes from.
    given: i32,
}

impl Fuel {
    pub(crate) fn new(limit: Option<u64>) -> Self {
        let mut fuel = Self { limit, burnt: 0, given: 0 };
        fuel.given = fuel.next();
        fuel
    }

    /// Goes on where so much has been burnt.
    pub(crate) fn go_on(&mut self, burnt: u64) -> Result<(), LimitExceeded> {
        self.burnt = burnt;
        let limit = self.limit.unwrap_or(u64::MAX);
        if burnt > limit {
            return Err(LimitExceeded::Fuel { limit });
        }
        self.given = self.next();
        Ok(())
    }

    /// The budget that guest code begins with, where there is a limit.
    pub(crate) fn first(&self) -> Option<i32> {
        self.limit.map(|_| self.given)
    }

    /// Counts a budget of which this is left; gives the next one.
    pub(crate) fn burn(&mut self, left: i32) -> Result<i32, LimitExceeded> {
        self.burnt = self.burnt.saturating_add(self.spent(left));
        let limit = self.limit.unwrap_or(u64::MAX);
        if self.burnt > limit {
            return Err(LimitExceeded::Fuel { limit });
        }
        self.given = self.next();
        Ok(self.given)
    }

    /// What had been burnt when the present budget was given.
    pub(crate) fn burnt_before(&self) -> u64 {
        self.burnt
    }

    /// What has been burnt when this is left of the budget.
    pub(crate) fn burnt(&self, left: i32) -> u64 {
        self.burnt.saturating_add(self.spent(left))
    }

    fn spent(&self, left: i32) -> u64 {
        let spent = u64::try_from(i64::from(self.given) - i64::from(left)).unwrap_or(0);
        // A mark that only asks the host to look stands for no work.
        if spent >= LOOK { spent - LOOK } else { spent }
    }

    fn next(&self) -> i32 {
        let rest = self.limit.unwrap_or(u64::MAX).saturating_sub(self.burnt);
        i32::try_from(rest).map_or(BUDGET, |rest| rest.min(BUDGET))
    }
}
