//! Several brokers in one process, on a network of channels.

mod failover;
mod hearsay;
mod leaving;
mod moving;
mod repairs;
mod restarts;
mod stage;
