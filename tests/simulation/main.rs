//! A whole cluster in one process, over simulated disks, clocks and a simulated network; all that happens follows
//! from a seed.
//!
//! ```text
//! cargo test -p strandline-tests --test simulation                             a few hundred seeds
//! STRAND_SIM_SEEDS=5000 cargo test -p strandline-tests --test simulation -- --nocapture
//! STRAND_SIM_SEED=17 cargo test -p strandline-tests --test simulation -- --nocapture    prints its whole trace
//! ```

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod children;
mod cluster;
mod coverage;
mod damage;
mod directed;
mod entropy;
mod faults;
mod ledger;
mod ledger_truth;
mod network;
mod node;
mod operator;
#[cfg(feature = "planted-bugs")]
mod planted;
mod producers;
mod readers;
mod recorder;
mod run;
mod trace;
mod truth;

use std::collections::BTreeMap;
use std::time::Instant;

use coverage::{Counts, Fault, Step};
use directed::Schedule;

/// How many seeds the normal tests run: about a quarter of a second of a core each.
const SEEDS: u64 = 200;
/// The steps that every fault meets in so many.
const COMMON: [Step; 7] = [
    Step::AppendPending,
    Step::Election,
    Step::MembershipChange,
    Step::Transfer,
    Step::Repair,
    Step::Proposal,
    Step::StateElection,
];
/// From so many seeds on every fault meets every step.
const SEEDS_FOR_ALL: u64 = 1_500;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

/// What a child process does.
#[test]
#[ignore = "run by the others, in a process of its own"]
fn one_seed_in_this_process() {
    let Some(seed) = number("STRAND_SIM_CHILD") else {
        return;
    };
    entropy::simulate();
    limit_memory();
    #[cfg(feature = "planted-bugs")]
    planted::plant_by_name(&std::env::var("STRAND_SIM_BUG").unwrap_or_default());
    // A thread of its own, so that its hash maps are seeded from now on.
    let run = std::thread::spawn(move || run::run(seed, std::env::var("STRAND_SIM_SEED").is_ok()));
    let outcome = run.join().expect("the run is not to panic");
    println!(
        "\n{}{}",
        children::MARK,
        serde_json::to_string(&outcome).unwrap()
    );
}

/// A run that goes wild must not take the machine with it.
fn limit_memory() {
    let limit = rustix::process::Rlimit {
        current: Some(4 << 30),
        maximum: Some(4 << 30),
    };
    // Where it cannot be set, there is none.
    let _ = rustix::process::setrlimit(rustix::process::Resource::As, limit);
}

#[cfg(not(feature = "planted-bugs"))]
#[test]
fn no_bug_is_planted_in_an_ordinary_build() {
    const { assert!(!segment_log::planted::PRESENT) };
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [3, 1_000_007] {
        let (first, second) = (children::run_one(seed), children::run_one(seed));
        assert!(first.events > 1_000, "{first:?}");
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn no_directed_schedule_breaks_a_promise() {
    for schedule in Schedule::ALL {
        let wanted = children::Wanted {
            schedule: Some(schedule),
            ..Default::default()
        };
        children::run_all(1..=5, &wanted, |outcome| {
            assert!(outcome.violations.is_empty(), "{schedule:?}: {outcome:?}");
            true
        });
    }
}

#[test]
fn no_seed_breaks_a_promise_and_every_fault_meets_every_step() {
    if let Some(seed) = number("STRAND_SIM_SEED") {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "one_seed_in_this_process",
                "--ignored",
                "--nocapture",
            ])
            .env("STRAND_SIM_CHILD", seed.to_string())
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let count = number("STRAND_SIM_SEEDS").unwrap_or(SEEDS);
    let first = number("STRAND_SIM_FIRST").unwrap_or(1);
    let began = Instant::now();
    let mut finished = 0;
    let (mut bad, mut counts, mut acknowledged, mut compared) = (Vec::new(), Counts::new(), 0, 0);
    let (mut terms, mut term_max) = (0, (0, 0));
    let mut delivered: BTreeMap<String, u64> = BTreeMap::new();
    children::run_all(
        first..first + count,
        &children::Wanted::default(),
        |outcome| {
            acknowledged += outcome.acknowledged;
            compared += outcome.compared;
            terms += outcome.term;
            term_max = term_max.max((outcome.term, outcome.seed));
            for (fault, step, times) in &outcome.counts {
                *counts.entry((*fault, *step)).or_default() += times;
            }
            for (kind, times) in &outcome.delivered {
                *delivered.entry(kind.clone()).or_default() += times;
            }
            finished += 1;
            if finished % 50 == 0 {
                println!("{finished} of {count} seeds, {:?}", began.elapsed());
            }
            if !outcome.violations.is_empty() {
                let first = &outcome.violations[0];
                println!(
                    "seed {}: {} violations: {first}",
                    outcome.seed,
                    outcome.violations.len()
                );
                bad.push(outcome.seed);
            }
            true
        },
    );
    println!(
        "{count} seeds in {:?}, {acknowledged} batches acknowledged, {compared} compared, delivered {delivered:?}",
        began.elapsed()
    );
    println!("{terms} terms, the most in one run {term_max:?} (term, seed)");
    let missing = report(&counts);
    assert!(bad.is_empty(), "seeds with violations: {bad:?}");
    // A few seeds meet a few steps only.
    if count >= SEEDS_FOR_ALL {
        assert!(missing.is_empty(), "never met: {missing:?}");
    }
    if count >= SEEDS {
        // Fewer seeds still see each of both.
        let met = |fault, step| !missing.contains(&(fault, step));
        for fault in Fault::ALL {
            assert!(Step::ALL.iter().any(|step| met(fault, *step)), "{fault:?}");
        }
        for step in Step::ALL {
            assert!(Fault::ALL.iter().any(|f| met(*f, step)), "{step:?}");
        }
        let mut common = missing.iter().filter(|(_, step)| COMMON.contains(step));
        let rare = |fault| matches!(fault, Fault::ReplacedDisk);
        assert!(
            common.all(|(fault, _)| rare(*fault)),
            "never met: {missing:?}"
        );
    }
}

/// Disks are lost, and members changed, one after the other.
fn can_meet(fault: Fault, step: Step) -> bool {
    match fault {
        Fault::ReplacedDisk => !matches!(
            step,
            Step::MembershipChange
                | Step::Recovery
                | Step::Repair
                | Step::Readmission
                | Step::StateElection
        ),
        Fault::Reassignment => step != Step::MembershipChange,
        _ if run::NOT_WITHOUT_SYNCS.contains(&fault) => step != Step::Readmission,
        _ => true,
    }
}

/// Prints which fault has met which step how often; returns what never did.
fn report(counts: &Counts) -> Vec<(Fault, Step)> {
    let mut missing = Vec::new();
    for fault in Fault::ALL {
        let mut line = format!("{:18}", format!("{fault:?}"));
        for step in Step::ALL {
            let times = counts.get(&(fault, step)).copied().unwrap_or(0);
            line += &format!(" {step:?} {times:5}");
            if times == 0 && can_meet(fault, step) {
                missing.push((fault, step));
            }
        }
        println!("{line}");
    }
    missing
}
