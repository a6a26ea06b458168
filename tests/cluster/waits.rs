//! `--wait` where brokers come and go, know nothing yet, or make no progress: told by brokers that say what a test has
//! them say.

mod stage;

use std::time::{Duration, Instant};

use rpc::{Reason, v1};

use strandline_tests::harness::Cluster;

use crate::lines::{all_there, produce};
use stage::{Fake, Strand};

const TOPIC: &str = "orders";

fn broker(id: i32, address: &str, state: v1::BrokerState) -> v1::BrokerInfo {
    v1::BrokerInfo {
        id,
        grpc_address: address.to_owned(),
        state: state.into(),
        ..v1::BrokerInfo::default()
    }
}

fn active(fakes: &[&Fake]) -> Vec<v1::BrokerInfo> {
    let brokers = (0..).zip(fakes);
    let active = |(id, fake): (i32, &&Fake)| broker(id, &fake.address, v1::BrokerState::Active);
    brokers.map(active).collect()
}

/// A topic of one partition, as it was assigned for the `epoch`th time.
fn topic(epoch: i64, leader: i32, replicas: &[i32], removing: &[i32]) -> v1::TopicInfo {
    v1::TopicInfo {
        name: TOPIC.to_owned(),
        partitions: vec![v1::PartitionInfo {
            leader: Some(leader),
            replicas: replicas.to_vec(),
            removing: removing.to_vec(),
            epoch,
            ..v1::PartitionInfo::default()
        }],
        ..v1::TopicInfo::default()
    }
}

fn under_way(state: v1::MoveState, lag: Option<i64>) -> v1::Move {
    v1::Move {
        topic: TOPIC.to_owned(),
        from: vec![0],
        to: vec![1],
        state: state.into(),
        lag,
        epoch: 1,
        ..v1::Move::default()
    }
}

#[test]
fn a_wait_for_moves_does_not_end_at_a_broker_that_has_not_heard_of_them() {
    let (first, second) = (Fake::start(), Fake::start());
    let moving = under_way(v1::MoveState::CatchingUp, Some(3));
    for fake in [&first, &second] {
        let mut view = fake.view();
        view.brokers = active(&[&first, &second]);
        view.moves = vec![moving.clone()];
        view.topics = vec![topic(1, 0, &[1], &[0])];
    }
    // The second one has just started: first it has not joined, then it is behind.
    second.view().refuses = Some(Reason::NotReady);
    let reassign = ["topic", "reassign", TOPIC, "--partition", "0"];
    let reassign = [&reassign[..], &["--replicas", "1", "--wait"]].concat();
    let mut strand = Strand::run(&first.address, &reassign);
    strand.says("3 batches to catch up");
    first.view().refuses = Some(Reason::ShuttingDown);
    second.asked(3);
    strand.goes_on();
    {
        let mut view = second.view();
        view.refuses = None;
        view.moves.clear();
        view.topics = vec![topic(0, 0, &[0], &[])];
    }
    second.asked(10);
    strand.goes_on();
    second.view().topics = vec![topic(1, 0, &[1], &[0])];
    second.asked(10);
    strand.goes_on();
    second.view().topics = vec![topic(1, 1, &[1], &[])];
    strand.ends(0);
}

#[test]
fn a_rebalance_waits_for_the_leaderships_that_it_has_announced() {
    let fake = Fake::start();
    {
        let mut view = fake.view();
        view.brokers = active(&[&fake]);
        view.topics = vec![topic(2, 0, &[1, 0], &[])];
        view.leader_moves = vec![v1::LeaderMove {
            topic: TOPIC.to_owned(),
            partition: 0,
            from: Some(0),
            to: 1,
            epoch: 2,
        }];
    }
    let mut strand = Strand::run(&fake.address, &["cluster", "rebalance", "--wait"]);
    strand.says("0 of 1 leaderships moved");
    fake.asked(5);
    strand.goes_on();
    strand.says("orders-0 goes to broker 1");
    fake.view().topics = vec![topic(2, 1, &[1, 0], &[])];
    strand.ends(0);
}

#[test]
fn a_drain_is_not_over_because_the_broker_that_is_asked_hears_from_nobody_yet() {
    let fake = Fake::start();
    {
        let mut view = fake.view();
        view.brokers = vec![
            broker(0, &fake.address, v1::BrokerState::Active),
            broker(1, "127.0.0.1:1", v1::BrokerState::Unreachable),
        ];
        view.leaderless = 3;
    }
    let mut strand = Strand::run(&fake.address, &["cluster", "drain", "1", "--wait"]);
    strand.says("broker 1 is unreachable");
    fake.asked(5);
    strand.goes_on();
    {
        let mut view = fake.view();
        view.brokers[1].state = v1::BrokerState::Drained.into();
        view.brokers[1].leaders = 2;
    }
    strand.says("2 leaderships are left that nobody can take");
    strand.goes_on();
    fake.view().brokers[1].leaders = 0;
    strand.ends(0);
}

#[test]
fn a_decommission_shows_what_is_left_and_why_it_comes_no_further() {
    let fake = Fake::start();
    let leaves = |replicas| v1::BrokerInfo {
        replicas,
        ..broker(0, &fake.address, v1::BrokerState::Decommissioning)
    };
    {
        let mut view = fake.view();
        view.brokers = vec![
            leaves(2),
            broker(1, "127.0.0.1:1", v1::BrokerState::Unreachable),
        ];
        view.moves = vec![under_way(v1::MoveState::CatchingUp, Some(7))];
    }
    let decommission = ["cluster", "decommission", "0", "--yes", "--wait"];
    let mut strand = Strand::run(&fake.address, &decommission);
    strand.says("0 of 3 replicas moved");
    strand.says("broker 1 is unreachable; the replica on broker 1 is 7 batches behind");
    fake.view().moves.clear();
    strand.says("1 of 3 replicas moved; 2 replicas are left");
    strand.says("no broker is found that can take more: broker 1 is unreachable");
    strand.goes_on();
    {
        let mut view = fake.view();
        view.brokers[0].replicas = 0;
        view.brokers[0].state = v1::BrokerState::Decommissioned.into();
    }
    strand.ends(0);
}

#[test]
fn who_waits_is_told_that_nobody_answers_and_goes_on_once_somebody_does() {
    let (first, second) = (Fake::start(), Fake::start());
    for fake in [&first, &second] {
        let mut view = fake.view();
        view.brokers = active(&[&first, &second]);
        view.topics = vec![topic(1, 0, &[1], &[0])];
        view.moves = vec![under_way(v1::MoveState::Waiting, None)];
    }
    let strand = Strand::run(&first.address, &["cluster", "moves", "--wait"]);
    strand.says("0 of 1 moves done");
    first.view().refuses = Some(Reason::NotReady);
    second.view().refuses = Some(Reason::NotReady);
    strand.says("no answer yet");
    {
        let mut view = second.view();
        view.refuses = None;
        view.moves.clear();
        view.topics = vec![topic(1, 1, &[1], &[])];
    }
    strand.ends(0);
}

#[test]
fn a_wait_ends_with_its_time_also_where_nobody_has_answered_at_all() {
    let fake = Fake::start();
    fake.view().refuses = Some(Reason::NotReady);
    let began = Instant::now();
    let drain = ["cluster", "drain", "--self", "--wait", "--timeout", "4s"];
    let strand = Strand::run(&fake.address, &drain);
    strand.says("no answer yet");
    strand.ends(5);
    // A single call would go on for half a minute.
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_decommission_is_waited_for_also_when_the_broker_that_was_asked_is_killed() {
    let mut cluster = Cluster::start(3);
    cluster.create_topic(TOPIC, 6, 3, &[]).ok();
    produce(&cluster, TOPIC, 0, 500);
    let fourth = cluster.add(&[]);
    cluster.restart(fourth);
    let decommission = ["cluster", "decommission", "1", "--yes", "--wait"];
    let strand = Strand::run(&cluster.grpc(0), &decommission);
    strand.says("replicas moved");
    cluster.kill(0);
    strand.ends(0);
    let described = cluster.describe();
    assert_eq!(described["brokers"][1]["state"], "decommissioned");
    cluster.restart(0);
    all_there(&cluster, TOPIC, 500);
}
