//! Everything that openraft sees: its types, the log store, the state machine, the network.

pub(crate) mod apply;
pub(crate) mod check;
pub(crate) mod checkpoint;
pub(crate) mod config;
pub(crate) mod decide;
pub(crate) mod entry;
pub(crate) mod handover;
pub(crate) mod log_reader;
pub(crate) mod log_store;
pub(crate) mod machine;
pub(crate) mod membership;
pub(crate) mod network;
pub(crate) mod pace;
pub(crate) mod payload;
pub(crate) mod persist;
mod pipeline;
pub(crate) mod proposal;
pub(crate) mod recover;
pub(crate) mod responder;
pub(crate) mod runtime;
pub(crate) mod shared;
pub(crate) mod snapshot;
pub(crate) mod state_machine;
pub(crate) mod types;
pub(crate) mod votes;
pub(crate) mod waiting;
pub(crate) mod wire;

#[cfg(test)]
mod tests;
