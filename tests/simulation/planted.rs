//! Brokers broken on purpose: the simulation must find each bug within a bounded number of seeds.
//!
//! `TrustCommitted` is not seen here: what is committed is noted right behind a sync, and a simulated process does both
//! in one step. The schedule that loses most in between does not show it; the test of the log store
//! `what_is_said_to_be_committed_at_a_start_is_never_ahead_of_the_log`, in `replication`, does.
//!
//! `cargo test -p strandline-tests --features planted-bugs --test simulation planted -- --nocapture`

use segment_log::planted::{Bug, plant};

use crate::children::{self, Wanted};
use crate::coverage::Fault;
use crate::directed::Schedule;

/// Most seeds that a bug may stay hidden from.
const SEEDS_MAX: u64 = 100;

pub(crate) fn plant_by_name(name: &str) {
    if let Some(bug) = Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == name) {
        plant(bug);
    }
}

/// Runs seeds until one finds it. The faults, or the schedule, that show such a bug are named, so that few seeds do.
fn is_found(bug: Bug, faults: &[Fault], schedule: Option<Schedule>) {
    let names: Vec<_> = faults.iter().map(|fault| format!("{fault:?}")).collect();
    let wanted = Wanted {
        bug: Some(format!("{bug:?}")),
        faults: (!names.is_empty()).then(|| names.join(",")),
        schedule,
    };
    let mut tried = 0;
    let mut found = None;
    children::run_all(1..=SEEDS_MAX, &wanted, |outcome| {
        tried += 1;
        let first = outcome.violations.first();
        found = first.map(|what| (outcome.seed, what.clone()));
        found.is_none()
    });
    let Some((seed, what)) = found else {
        panic!("{tried} seeds do not find {bug:?}");
    };
    println!("{bug:?}: found by seed {seed}, after {tried}: {what}");
}

macro_rules! found {
    ($($name:ident: $bug:ident by $($fault:ident)+,)*) => {
        $(#[test]
        fn $name() {
            is_found(Bug::$bug, &[$(Fault::$fault),+], None);
        })*
    };
}

macro_rules! found_on_schedule {
    ($($name:ident: $bug:ident by $schedule:ident,)*) => {
        $(#[test]
        fn $name() {
            is_found(Bug::$bug, &[], Some(Schedule::$schedule));
        })*
    };
}

found! {
    an_acknowledgement_before_the_sync_is_found: AcknowledgeBeforeSync by PowerCut PowerCutOfAll,
    a_vote_that_is_not_synced_is_found: SkipVoteSync
        by PowerCut PowerCutOfAll Partition Isolation CrashWhileWriting,
    forgotten_producers_are_found: ForgetProducersOfTheTail by Kill Isolation SlowDisk,
    appended_duplicates_are_found: AppendDuplicates by Kill Isolation,
    a_restored_leader_is_found: RestoreLeader
        by PowerCutOfAll Kill PowerCut SlowDisk CrashWhileWriting,
    a_purge_before_the_snapshot_is_found: PurgeBeforeSnapshot by Kill PowerCut,
    a_follower_that_does_not_check_is_found: SkipFollowerChecks by BadWeather,
    an_ignored_failure_of_a_sync_is_found: IgnoreFailedSync by FailingSync PowerCut PowerCutOfAll,
    reads_of_what_is_not_committed_are_found: ReadUncommitted by SlowDisk Isolation,
    a_stale_end_is_found: StaleLatest by Isolation Pause OneWayPartition,
    a_log_cut_at_damage_is_found: TruncateOnDamage by Damage MisdirectedWrite Kill PowerCut,
    a_leader_that_serves_too_early_is_found: ServeBeforeOwnTerm by Isolation SlowDisk Kill Partition,
}

found_on_schedule! {
    a_vote_saved_without_the_appends_before_it_is_found: SaveVoteWithoutAppends by VoteBeforeSync,
    a_noted_end_that_stays_is_found: KeepNotedEnd by CrashAfterTruncation,
}
