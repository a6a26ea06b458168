//! Each fault by itself.

use crate::fault::Fault;
use crate::trial::trial;

#[test]
fn no_acknowledged_record_is_lost_or_doubled_when_a_broker_is_killed() {
    trial(
        "one_by_one::no_acknowledged_record_is_lost_or_doubled_when_a_broker_is_killed",
        &[Fault::Kill],
    );
}

#[test]
fn no_acknowledged_record_is_lost_or_doubled_when_all_brokers_are_killed() {
    trial(
        "one_by_one::no_acknowledged_record_is_lost_or_doubled_when_all_brokers_are_killed",
        &[Fault::KillAll],
    );
}

#[test]
fn no_acknowledged_record_is_lost_or_doubled_when_a_broker_is_paused() {
    trial(
        "one_by_one::no_acknowledged_record_is_lost_or_doubled_when_a_broker_is_paused",
        &[Fault::Pause],
    );
}

#[test]
fn no_acknowledged_record_is_lost_or_doubled_by_a_rolling_restart() {
    trial(
        "one_by_one::no_acknowledged_record_is_lost_or_doubled_by_a_rolling_restart",
        &[Fault::RollingRestart],
    );
}

#[test]
fn no_acknowledged_record_is_lost_when_the_power_of_one_broker_is_cut() {
    trial(
        "one_by_one::no_acknowledged_record_is_lost_when_the_power_of_one_broker_is_cut",
        &[Fault::PowerCut],
    );
}

#[test]
fn no_acknowledged_record_is_lost_when_the_power_of_all_brokers_is_cut() {
    trial(
        "one_by_one::no_acknowledged_record_is_lost_when_the_power_of_all_brokers_is_cut",
        &[Fault::PowerCutOfAll],
    );
}

#[test]
fn a_full_disk_of_a_leader_is_told_or_led_around_and_over_once_there_is_space() {
    trial(
        "one_by_one::a_full_disk_of_a_leader_is_told_or_led_around_and_over_once_there_is_space",
        &[Fault::FullLeader],
    );
}

#[test]
fn a_full_disk_of_a_follower_holds_nobody_up_and_is_over_once_there_is_space() {
    trial(
        "one_by_one::a_full_disk_of_a_follower_holds_nobody_up_and_is_over_once_there_is_space",
        &[Fault::FullFollower],
    );
}

#[test]
fn a_replaced_disk_is_filled_again_from_the_others() {
    trial(
        "one_by_one::a_replaced_disk_is_filled_again_from_the_others",
        &[Fault::ReplacedDisk],
    );
}

#[test]
fn a_disk_rolled_back_to_an_older_copy_never_takes_part() {
    trial(
        "one_by_one::a_disk_rolled_back_to_an_older_copy_never_takes_part",
        &[Fault::RolledBackDisk],
    );
}

#[test]
fn no_acknowledged_record_is_lost_or_doubled_when_a_broker_is_cut_off() {
    trial(
        "one_by_one::no_acknowledged_record_is_lost_or_doubled_when_a_broker_is_cut_off",
        &[Fault::CutOff],
    );
}

#[test]
fn no_acknowledged_record_is_lost_or_doubled_when_a_broker_is_heard_by_nobody_or_hears_nobody() {
    trial(
        "one_by_one::no_acknowledged_record_is_lost_or_doubled_when_a_broker_is_heard_by_nobody_or_hears_nobody",
        &[Fault::OneWay],
    );
}

#[test]
fn a_broker_that_is_drained_leads_nothing_until_that_is_over() {
    trial(
        "one_by_one::a_broker_that_is_drained_leads_nothing_until_that_is_over",
        &[Fault::Drain],
    );
}

#[test]
fn a_broker_that_is_decommissioned_leaves_nothing_behind() {
    trial(
        "one_by_one::a_broker_that_is_decommissioned_leaves_nothing_behind",
        &[Fault::Decommission],
    );
}

#[test]
fn a_broker_that_returns_under_another_address_takes_part_again() {
    trial(
        "one_by_one::a_broker_that_returns_under_another_address_takes_part_again",
        &[Fault::NewAddress],
    );
}

#[test]
fn bits_that_flip_on_one_disk_are_noticed_and_repaired_from_the_others() {
    trial(
        "one_by_one::bits_that_flip_on_one_disk_are_noticed_and_repaired_from_the_others",
        &[Fault::Damage],
    );
}

#[test]
fn bits_that_flip_under_a_broker_that_runs_are_noticed_and_repaired_from_the_others() {
    trial(
        "one_by_one::bits_that_flip_under_a_broker_that_runs_are_noticed_and_repaired_from_the_others",
        &[Fault::DamageWhileRunning],
    );
}

#[test]
fn bits_that_flip_on_two_disks_in_different_places_are_noticed_and_repaired() {
    trial(
        "one_by_one::bits_that_flip_on_two_disks_in_different_places_are_noticed_and_repaired",
        &[Fault::DamageOfTwo],
    );
}

#[test]
fn a_slow_disk_of_one_broker_holds_nobody_up_for_good() {
    trial(
        "one_by_one::a_slow_disk_of_one_broker_holds_nobody_up_for_good",
        &[Fault::SlowDisk],
    );
}

#[test]
fn a_host_that_vanishes_without_a_word_is_noticed_and_done_without() {
    trial(
        "one_by_one::a_host_that_vanishes_without_a_word_is_noticed_and_done_without",
        &[Fault::Vanish],
    );
}
