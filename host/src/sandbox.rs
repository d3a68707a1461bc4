//! The sandbox: one instance, how it is entered, stopped, accounted for, and what it reaches.

pub(crate) mod carried;
pub(crate) mod control;
pub(crate) mod current;
pub(crate) mod exports;
pub(crate) mod fuel;
pub(crate) mod holding;
pub(crate) mod instance;
pub(crate) mod ledger;
pub(crate) mod memories;
pub(crate) mod memory;
pub(crate) mod net;
pub(crate) mod operation;
pub(crate) mod pages;
pub(crate) mod reactor;
pub(crate) mod stack;
pub(crate) mod state;
pub(crate) mod travel;
pub(crate) mod turn;
pub(crate) mod wasi;
