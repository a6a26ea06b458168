//! Three brokers under load while processes, disks and networks fail and operators change them; the checker judges what
//! clients saw.
//!
//! `STRAND_FAULT_CYCLES` sets how often each test does its worst (2 unless set), `STRAND_TEST_SEED` repeats a run's
//! choices, `STRAND_FAULTS` names those that the mixed test is to choose from (all unless set).

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod fault;
mod ground;
mod mixed;
mod one_by_one;
mod page_cache;
mod replicas;
mod scene;
mod trial;
