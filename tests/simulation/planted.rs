//! Brokers broken on purpose: the simulation must find each bug within a bounded number of seeds.
//!
//! `cargo test -p strandline-tests --features planted-bugs --test simulation planted -- --nocapture`

use segment_log::planted::{Bug, plant};

use crate::children;

/// Most seeds that a bug may stay hidden from.
const SEEDS_MAX: u64 = 150;

pub(crate) fn plant_by_name(name: &str) {
    if let Some(bug) = Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == name) {
        plant(bug);
    }
}

/// Runs seeds until one finds it.
fn is_found(bug: Bug) {
    let mut tried = 0;
    let mut found = None;
    children::run_all(1..=SEEDS_MAX, Some(&format!("{bug:?}")), |outcome| {
        tried += 1;
        found = outcome
            .violations
            .first()
            .map(|what| (outcome.seed, what.clone()));
        found.is_none()
    });
    let Some((seed, what)) = found else {
        panic!("{tried} seeds do not find {bug:?}");
    };
    println!("{bug:?}: found by seed {seed}, after {tried}: {what}");
}

macro_rules! found {
    ($($name:ident: $bug:ident,)*) => {
        $(#[test]
        fn $name() {
            is_found(Bug::$bug);
        })*
    };
}

found! {
    an_acknowledgement_before_the_sync_is_found: AcknowledgeBeforeSync,
    a_vote_that_is_not_synced_is_found: SkipVoteSync,
    a_vote_saved_without_the_appends_before_it_is_found: SaveVoteWithoutAppends,
    a_log_cut_at_damage_is_found: TruncateOnDamage,
    forgotten_producers_are_found: ForgetProducersOfTheTail,
    appended_duplicates_are_found: AppendDuplicates,
    serving_before_the_own_term_is_found: ServeBeforeOwnTerm,
    trust_in_what_was_committed_is_found: TrustCommitted,
    a_restored_leader_is_found: RestoreLeader,
    a_purge_before_the_snapshot_is_found: PurgeBeforeSnapshot,
    a_follower_that_does_not_check_is_found: SkipFollowerChecks,
    an_ignored_failure_of_a_sync_is_found: IgnoreFailedSync,
    reads_of_what_is_not_committed_are_found: ReadUncommitted,
    a_stale_end_is_found: StaleLatest,
    a_noted_end_that_is_not_lowered_is_found: KeepNotedEnd,
}
