//! What openraft demands of a store, tried on the store itself, without Raft around it.

mod conformance;
mod harness;
mod racing;
mod traps;
