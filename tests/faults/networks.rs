//! Networks that are cut: one broker off the others, one direction only.

use std::thread::sleep;
use std::time::Duration;

use strandline_tests::harness::{Network, Place, skip};

use crate::trial::{BROKERS, alone, any, try_with};

/// Long enough for elections on either side.
const CUT_MAX: Duration = Duration::from_secs(5);

fn places(network: &Network) -> Vec<Place> {
    let place = |host| Place {
        host: Some(network.address(host)),
        under: network.run_on(host),
        ..Place::default()
    };
    (0..BROKERS).map(place).collect()
}

/// A network, and this test within it.
fn network(test: &str, what: &str) -> Option<Network> {
    match Network::inside(test, BROKERS) {
        Ok(network) => network,
        Err(lacking) => {
            skip(what, &lacking);
            None
        }
    }
}

#[test]
fn no_acknowledged_record_is_lost_or_doubled_when_a_broker_is_cut_off() {
    let _alone = alone();
    let test = "networks::no_acknowledged_record_is_lost_or_doubled_when_a_broker_is_cut_off";
    let Some(network) = network(test, "a broker cut off from the others") else {
        return;
    };
    try_with("cut-off", places(&network), &[], |cluster, chance| {
        let victim = any(chance);
        let others: Vec<_> = cluster
            .ids()
            .into_iter()
            .filter(|id| *id != victim)
            .collect();
        network.isolate(victim, &others);
        sleep(chance.duration(Duration::from_millis(200), CUT_MAX));
        network.rejoin(victim, &others);
    });
}

#[test]
fn no_acknowledged_record_is_lost_or_doubled_when_a_broker_is_heard_by_nobody() {
    let _alone = alone();
    let test =
        "networks::no_acknowledged_record_is_lost_or_doubled_when_a_broker_is_heard_by_nobody";
    let Some(network) = network(test, "networks cut in one direction") else {
        return;
    };
    try_with("one-way", places(&network), &[], |_, chance| {
        let victim = any(chance);
        let others = [(victim + 1) % BROKERS, (victim + 2) % BROKERS];
        let is_mute = chance.below(2) == 0;
        let ways = others.map(|other| match is_mute {
            true => (victim, other),
            false => (other, victim),
        });
        for (from, to) in ways {
            network.cut(from, to);
        }
        sleep(chance.duration(Duration::from_millis(200), CUT_MAX));
        for (from, to) in ways {
            network.mend(from, to);
        }
    });
}
