//! Several brokers in one process, on a network of channels.

mod failover;
mod hearsay;
mod leaving;
mod lost_metadata;
mod moving;
mod power_cuts;
mod repairs;
mod restarts;
mod stage;
