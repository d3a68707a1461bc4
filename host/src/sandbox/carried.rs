//! What of a sandbox goes along when its interpreter goes on elsewhere: where the guest's frames are, what it has
//! spent, and what it has of the system.

use super::net;
use super::state::SandboxState;
use super::travel::travels;
use super::wasi;
use crate::error::{LimitExceeded, Result};
use ophidia_abi::LEVELS;
use std::time::Duration;

/// A sandbox at rest, as data.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    /// Address of the frame of level 0.
    pub(crate) frame: u32,
    short_inputs: [u32; LEVELS as usize],
    pub(crate) spent: Spent,
    pub(crate) wasi: wasi::Carried,
}

travels!(Carried { frame, short_inputs, spent, wasi });

impl Carried {
    /// Lets time pass for it.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.spent.life = self.spent.life.saturating_add(time);
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let clocks = &mut self.wasi.clocks;
        clocks.monotonic = clocks.monotonic.saturating_add(nanos);
    }

    /// Lets it have spent nothing.
    pub(crate) fn renew(&mut self) {
        self.spent = Spent::default();
    }
}

/// What no child is given again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) life: Duration,
    pub(crate) cpu: Duration,
    fuel: u64,
    host_calls: u64,
    /// Whether it has been given the memory that is kept back.
    has_rest: bool,
    network: net::Spent,
}

travels!(Spent { life, cpu, fuel, host_calls, has_rest, network });

impl SandboxState {
    /// What goes along, of a guest that has burnt so much fuel.
    pub(crate) fn carried(&self, fuel: u64) -> Carried {
        Carried {
            frame: self.frame,
            short_inputs: self.short_inputs,
            spent: Spent {
                life: self.control.age(),
                cpu: self.control.cpu(),
                fuel,
                host_calls: self.ledger.host_calls(),
                has_rest: self.ledger.has_rest(),
                network: self.wasi.network.spent(),
            },
            wasi: self.wasi.carried(&self.stdout, &self.stderr),
        }
    }

    /// Begins as that one was; its control has been made so already.
    pub(crate) fn go_on(&mut self, from: &Carried) -> Result<(), LimitExceeded> {
        (self.frame, self.short_inputs) = (from.frame, from.short_inputs);
        let Spent { fuel, host_calls, has_rest, network, .. } = &from.spent;
        self.wasi.network.go_on(network);
        self.ledger.go_on(*fuel, *host_calls, *has_rest)
    }
}
