//! Groups of one voter through the crate's public interface, on real files and on the simulated disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod basics;
mod catching_up;
mod crashes;
mod damaged_states;
mod doubts;
mod failing_disks;
mod faults;
mod hard_repairs;
mod harness;
mod lost_snapshots;
mod lost_votes;
mod members;
mod network;
mod obstacles;
mod producers;
mod refusals;
mod repairs;
mod replicated;
mod shaken;
mod states;
mod trio;
