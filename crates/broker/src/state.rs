//! The cluster's state on this broker: the metadata group's state machine, and how it is changed.

mod change;
mod machine;

pub(crate) use machine::ClusterMachine;
