//! Load: producers of every kind and consumers that go on through whatever happens to the brokers, and write down
//! what they see.

mod crowd;
mod payload;
mod producers;
mod readers;
mod stage;
mod verify;

pub use crowd::Crowd;
pub use readers::read_to_end;
pub use stage::{PARTITIONS, Stage};
pub use verify::{judge, verify};
