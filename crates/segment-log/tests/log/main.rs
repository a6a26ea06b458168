//! The log on the simulated disk: against a model through crashes, cut and flipped at every byte, with failing syncs
//! and full disks; and on a real disk for a smoke test.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod damage;
mod faults;
mod full_disk;
mod harness;
mod model_based;
mod power_cuts;
mod reads;
mod real_disk;
mod repair;
mod small_files;
mod snapshots;
mod terms;
