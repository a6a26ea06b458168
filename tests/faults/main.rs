//! Three brokers under load while processes, disks and networks fail; the checker judges what clients saw.
//!
//! `STRAND_FAULT_CYCLES` sets how often each test does its worst (2 unless set), `STRAND_TEST_SEED` repeats a run.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod disks;
mod networks;
mod processes;
mod trial;
