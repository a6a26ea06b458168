//! Whole brokers, from outside: what a user sees, through kills, full disks and failing syncs.
//!
//! Each file is a promise. Longer runs: `STRAND_KILL_CYCLES` (see [`kill_loop`]), `STRAND_LOG_FILES` (a directory
//! with more files to send through), `STRAND_TEST_SEED` (the seed that a failed run printed), `STRAND_TEST_BINARY`
//! (another `strand` to test, such as a release build).

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod bad_input;
mod command_line;
mod damage;
mod failing_sync;
mod full_disk;
mod kill_loop;
mod log_files;
mod memory;
mod metrics;
mod operations;
mod power_loss;
mod retention;
mod system_calls;
