//! Several brokers as processes: forming, failing over, moving, and a throw-away cluster, from outside.
//!
//! `STRAND_TEST_SEED` is the seed that a failed run printed, `STRAND_TEST_BINARY` another `strand` to test.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod clients;
mod dev;
mod failover;
mod forming;
mod lines;
mod metrics;
mod names;
mod operations;
mod paused;
mod rolling_restart;
mod waits;
