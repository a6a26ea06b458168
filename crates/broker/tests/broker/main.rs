//! The use cases of a broker, over real groups, on a real directory and on the simulated disk.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where it fails"
)]

mod cluster;
mod faults;
mod fetch;
mod harness;
#[allow(dead_code, reason = "it serves the groups' own tests, too")]
#[path = "../../../replication/tests/groups/network.rs"]
mod network;
mod offsets;
mod produce;
mod restart;
mod retention;
mod topics;
