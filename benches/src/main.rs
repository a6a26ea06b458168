//! What Strandline must reach, measured: every figure beside its floor, taken in the same run.
//!
//! ```sh
//! cargo run --release -p strandline-benches -- p1          # one target
//! cargo run --release -p strandline-benches -- all         # all of them, in about ten minutes
//! cargo run --release -p strandline-benches -- all --json  # for programs
//! ```
//!
//! The broker is the release binary `strand broker`, built by cargo if need be, in a process of its own on free
//! loopback ports; its data lies in the target directory, on a real disk, and is removed afterwards.
//!
//! | | what is measured | floor, same run | what limits it |
//! |---|---|---|---|
//! | `p1` | bulk produce: broker CPU-s per GB, 64 KiB batches, 64 in flight on one stream, page-cache | receive + CRC-32C + `pwrite` | the kernel's writing and receiving |
//! | `p2` | bulk produce: GB/s over one connection | the same on two threads, overlapped | a full segment is synced before the next append; shared processors |
//! | `p3` | instructions per batch, 655 records against 1 of the same bytes | one record | must not depend on records |
//! | `p4` | durable produce, 1 KiB: 64 streams of one in flight, one stream of 64 | bare group commit, 64 callers | the time of a sync, wake-ups |
//! | `p5` | durable produce, 64 partitions at a fixed rate, p99 from when a batch was due | one partition | a sync per partition's file |
//! | `p6` | idle acknowledge latency, 1 KiB, page-cache | tonic echo; TCP echo | wake-ups between processors |
//! | `p7` | quorum fsync on three brokers: p50 of one in flight; CPU | round trip + local durable commit; one broker | two syncs at a time, wake-ups of five processes |
//! | `p8` | catch-up fetch: broker CPU-s per GB | `sendfile`; tonic server stream | the copy from the map into the socket |
//! | `p9` | resident memory of an empty broker at rest | – | tables of openraft's histograms, the program's own pages |
//! | `p10` | start to first acknowledged record; after `kill -9` | start of a process | syncs of new files; the tail's scan |
//! | `p11` | leader killed to next acknowledge | the election timeout | the silence until somebody stands |
//! | `p12` | the rate over 1,000 partitions, three brokers | over 10 | a batch per write and per peer frame |
//! | `rest` | memory and CPU at rest of a partition's replica, 1,000 on each of three brokers | no partition | an openraft instance, its ticks |
//! | `aa` | P1's floor against itself | the same | how far noise alone moves a ratio |
//! | `micro` | the storage in this process | bare system calls | – |
//! | `floors` | the floors without a broker | – | – |
//!
//! # How to read it
//! - Only ratios mean anything on a shared machine, and only those taken in one run. Subjects take turns (A B, B A,
//!   A B …); the first round is thrown away; the ratio is the median over rounds of each round's own ratio. Behind it
//!   stand the smallest and the largest, and the 95 % confidence interval of the median (bootstrap).
//! - `aa` tells what the machine's noise does to two equal things. A target is met or not only beyond that.
//! - CPU time is the server's process alone, user and system, by the kernel's scheduler. What the kernel does on its
//!   own threads (writing pages back) is in nobody's.
//! - With all processors, broker and load generator disturb each other's caches and wake each other across
//!   processors; with one, they take turns. P1, P6 and P8 show both.
//! - Latencies of closed loops (P4, P6) tell how long an answer took, not what a user at a fixed rate would see; P5
//!   counts from when a batch was due.
//! - The page cache is warm and files are new. `fsync` topics wait for `fdatasync`, as their floor does.

mod broker;
mod cluster;
mod floor;
mod harness;
mod load;
mod options;
mod targets;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use harness::{Machine, print_json, print_table};
use options::{Options, Target};
use targets::Setup;

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<()> {
    if let Some(floor) = options.serve {
        return floor.serve(options.data.context("--data is missing")?);
    }
    let targets: Vec<_> = options.targets.iter().flat_map(|t| t.each()).collect();
    let broker = if targets.iter().any(|target| target.needs_broker()) {
        broker::program(options.broker.as_deref())?
    } else {
        PathBuf::new()
    };
    let setup = Setup {
        broker,
        rounds: options.rounds.max(1),
        rate: options.rate,
    };
    measure(&targets, &setup, options.json)
}

/// Measures target by target. One that cannot be measured keeps none of the others from being shown.
fn measure(targets: &[Target], setup: &Setup, json: bool) -> Result<()> {
    let before = Machine::look();
    if !json {
        let Machine {
            processors,
            model,
            kernel,
            load,
        } = &before;
        println!("{processors} processors ({model}), Linux {kernel}, load {load}");
    }
    let (mut figures, mut failed) = (Vec::new(), Vec::new());
    for target in targets {
        eprintln!("{target:?}:");
        match targets::measure(*target, setup) {
            Ok(its) => {
                if !json {
                    print_table(&its);
                }
                figures.extend(its);
            }
            Err(error) => {
                eprintln!("{target:?} cannot be measured: {error:#}");
                failed.push(format!("{target:?}"));
            }
        }
    }
    let after = Machine::look();
    if json {
        print_json(&figures, &before, &after);
    } else {
        println!("load afterwards {}", after.load);
    }
    anyhow::ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
    Ok(())
}
