//! Processes that are killed, paused, stopped, one or all of them.

use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::trial::{BROKERS, any, try_with};

/// Long enough for an election, several times over.
const PAUSE_MAX: Duration = Duration::from_secs(3);

#[test]
fn no_acknowledged_record_is_lost_or_doubled_when_a_broker_is_killed() {
    try_with("killed", Vec::new(), &[], |cluster, chance| {
        let victim = any(chance);
        cluster.kill(victim);
        sleep(chance.duration(Duration::ZERO, PAUSE_MAX));
        cluster.restart(victim);
    });
}

#[test]
fn no_acknowledged_record_is_lost_or_doubled_when_all_brokers_are_killed() {
    try_with("all-killed", Vec::new(), &[], |cluster, chance| {
        let first = any(chance);
        let order = (0..BROKERS).map(|step| (first + step) % BROKERS);
        for id in order.clone() {
            cluster.kill(id);
        }
        for id in order.rev() {
            cluster.launch(id);
            sleep(chance.duration(Duration::ZERO, Duration::from_millis(500)));
        }
        cluster.await_all_ready();
    });
}

#[test]
fn no_acknowledged_record_is_lost_or_doubled_when_a_broker_is_paused() {
    try_with("paused", Vec::new(), &[], |cluster, chance| {
        let victim = any(chance);
        cluster.signal(victim, Signal::STOP);
        sleep(chance.duration(Duration::from_millis(100), PAUSE_MAX));
        cluster.signal(victim, Signal::CONT);
    });
}

#[test]
fn no_acknowledged_record_is_lost_or_doubled_by_a_rolling_restart() {
    try_with("rolling", Vec::new(), &[], |cluster, _| {
        for id in 0..BROKERS {
            assert_eq!(cluster.terminate(id).code, Some(0), "broker {id}");
            cluster.restart(id);
        }
    });
}
