//! How a figure is taken: alternating passes, child processes whose CPU time is their own, ratios with their spread.

mod alternation;
mod child;
mod cpu_time;
mod figure;
mod latency;
mod machine;
mod pass;
mod pin;
mod scratch;
mod statistics;

pub(crate) use alternation::{Rounds, Subject, alternate};
pub(crate) use child::{Child, announce, exit_with_parent};
pub(crate) use figure::{Bound, Figure, print_json, print_table};
pub(crate) use latency::Latencies;
pub(crate) use machine::Machine;
pub(crate) use pass::Pass;
pub(crate) use pin::OneProcessor;
pub(crate) use scratch::{Scratch, target_directory};
pub(crate) use statistics::Spread;
