//! Notices what comes no further, and says why as far as brokers tell. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use client::{BrokerDescription, BrokerState, Move, MoveState};
use model::BrokerId;
use tokio::time::Instant;

/// What has come no further for so long is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(5);

/// How far each thing was, and since when.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: BTreeMap<String, Mark>,
}

#[derive(Debug)]
struct Mark {
    state: Option<MoveState>,
    /// The least that was ever left: more of it, as more is written meanwhile, is no progress.
    left: Option<u64>,
    since: Instant,
}

impl Watch {
    /// The first of the moves that is stuck.
    pub(super) fn stuck_move<'a>(&mut self, moves: &[&'a Move], now: Instant) -> Option<&'a Move> {
        let mut stuck = None;
        for one in moves {
            if self.is_stuck(&place(one), Some(one.state), one.lag, now) {
                stuck = stuck.or(Some(*one));
            }
        }
        stuck
    }

    /// Whether a count of something left has not sunk for a while.
    pub(super) fn is_count_stuck(&mut self, what: &str, left: u64, now: Instant) -> bool {
        self.is_stuck(what, None, Some(left), now)
    }

    fn is_stuck(
        &mut self,
        what: &str,
        state: Option<MoveState>,
        left: Option<u64>,
        now: Instant,
    ) -> bool {
        let mark = self.seen.entry(what.to_owned()).or_insert(Mark {
            state,
            left,
            since: now,
        });
        let is_less = match (left, mark.left) {
            (Some(left), Some(before)) => left < before,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if mark.state != state || is_less {
            *mark = Mark {
                state,
                left,
                since: now,
            };
        }
        now.duration_since(mark.since) >= STUCK_AFTER
    }
}

/// Why a move does not go on.
pub(super) fn why(one: &Move, brokers: &[BrokerDescription]) -> String {
    let mut reasons = Vec::new();
    if !one.problem.is_empty() {
        reasons.push(one.problem.clone());
    }
    let mut involved: Vec<BrokerId> = one.from.iter().chain(&one.to).copied().collect();
    involved.sort();
    involved.dedup();
    reasons.extend(unreachable(brokers, |id| involved.contains(&id)));
    let coming: Vec<_> = one.to.iter().filter(|to| !one.from.contains(to)).collect();
    let coming: Vec<_> = coming.iter().map(ToString::to_string).collect();
    match (one.state, one.lag) {
        (MoveState::CatchingUp, Some(lag)) if !coming.is_empty() => {
            let on = coming.join(" or ");
            reasons.push(format!(
                "the replica on broker {on} is {lag} batches behind"
            ));
        }
        (MoveState::Waiting, _) if reasons.is_empty() => {
            reasons.push("its leader has not begun".to_owned());
        }
        _ => {}
    }
    if reasons.is_empty() {
        reasons.push(format!("it is {}", one.state.as_str()));
    }
    format!("{} comes no further: {}", place(one), reasons.join("; "))
}

/// That brokers cannot be reached, if that is so of any.
pub(super) fn unreachable(
    brokers: &[BrokerDescription],
    counts: impl Fn(BrokerId) -> bool,
) -> Option<String> {
    let gone = brokers
        .iter()
        .filter(|broker| broker.state == BrokerState::Unreachable && counts(broker.id))
        .map(|broker| format!("broker {} is unreachable", broker.id));
    let gone: Vec<_> = gone.collect();
    (!gone.is_empty()).then(|| gone.join(", "))
}

fn place(one: &Move) -> String {
    format!("{}-{}", one.topic, one.partition)
}

#[cfg(test)]
mod tests {
    use model::PartitionIndex;

    use super::*;

    fn a_move(state: MoveState, lag: Option<u64>) -> Move {
        Move {
            topic: "orders".to_owned(),
            partition: PartitionIndex::new(4),
            from: [0, 1].map(BrokerId::new).to_vec(),
            to: [1, 3].map(BrokerId::new).to_vec(),
            state,
            lag,
            bytes: None,
            problem: String::new(),
            epoch: 1,
        }
    }

    fn broker(id: u32, state: BrokerState) -> BrokerDescription {
        BrokerDescription {
            id: BrokerId::new(id),
            grpc_address: String::new(),
            peer_address: String::new(),
            rack: String::new(),
            state,
            leaders: 0,
            replicas: 0,
            disk_bytes: None,
        }
    }

    #[test]
    fn a_move_is_stuck_when_its_state_stays_and_its_lag_does_not_sink_though_it_may_grow() {
        let mut watch = Watch::default();
        let start = Instant::now();
        let mut is_stuck = |after: u64, one: Move| {
            let now = start + Duration::from_secs(after);
            watch.stuck_move(&[&one], now).is_some()
        };
        assert!(!is_stuck(0, a_move(MoveState::Waiting, None)));
        assert!(!is_stuck(6, a_move(MoveState::CatchingUp, None)));
        assert!(!is_stuck(12, a_move(MoveState::CatchingUp, Some(100))));
        assert!(!is_stuck(16, a_move(MoveState::CatchingUp, Some(120))));
        assert!(is_stuck(17, a_move(MoveState::CatchingUp, Some(140))));
        assert!(!is_stuck(18, a_move(MoveState::CatchingUp, Some(99))));
        assert!(!is_stuck(30, a_move(MoveState::Leaving, Some(99))));
    }

    #[test]
    fn it_is_said_which_replica_is_behind_and_which_broker_is_gone() {
        let brokers = [
            broker(0, BrokerState::Active),
            broker(2, BrokerState::Unreachable),
            broker(3, BrokerState::Unreachable),
        ];
        assert_eq!(
            why(&a_move(MoveState::CatchingUp, Some(7)), &brokers),
            "orders-4 comes no further: broker 3 is unreachable; the replica on broker 3 is 7 batches behind"
        );
        assert_eq!(
            why(&a_move(MoveState::Waiting, None), &brokers[..1]),
            "orders-4 comes no further: its leader has not begun"
        );
    }
}
