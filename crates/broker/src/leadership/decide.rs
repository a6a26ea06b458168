//! Who should lead one partition. Pure.

use std::collections::HashMap;

use model::ReplicaId;

/// What the decision depends on.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The replica that leads.
    pub(super) here: ReplicaId,
    /// Whether its members are being changed.
    pub(super) is_moving: bool,
    /// Where it shall be; the first is preferred to lead.
    pub(super) replicas: Vec<ReplicaId>,
    /// Those in sync whose brokers are there and meant to lead.
    pub(super) able: Vec<ReplicaId>,
}

/// The preferred replica, where that could lead and does not. What moves is left alone until it has arrived.
pub(super) fn drift(facts: &Facts) -> Option<ReplicaId> {
    let preferred = *facts.replicas.first()?;
    let could = preferred != facts.here && facts.able.contains(&preferred) && !facts.is_moving;
    could.then_some(preferred)
}

/// The one to hand a leadership on to: of those that can lead, the one that was `given` the fewest, the more preferred
/// one among equals.
pub(super) fn hand_on(facts: &Facts, given: &HashMap<ReplicaId, u64>) -> Option<ReplicaId> {
    let place = |replica: &ReplicaId| {
        let place = facts.replicas.iter().position(|known| known == replica);
        place.unwrap_or(usize::MAX)
    };
    let count = |replica: &ReplicaId| given.get(replica).copied().unwrap_or(0);
    let others = facts.able.iter().copied();
    others
        .filter(|replica| *replica != facts.here)
        .min_by_key(|replica| (count(replica), place(replica), *replica))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[u64]) -> Vec<ReplicaId> {
        ids.iter().copied().map(ReplicaId::new).collect()
    }

    fn facts(here: u64, able: &[u64]) -> Facts {
        Facts {
            here: ReplicaId::new(here),
            is_moving: false,
            replicas: ids(&[0, 1, 2]),
            able: ids(able),
        }
    }

    #[test]
    fn leadership_drifts_to_the_preferred_replica_once_that_is_able() {
        assert_eq!(drift(&facts(1, &[0, 1, 2])), Some(ReplicaId::new(0)));
        assert_eq!(drift(&facts(1, &[1, 2])), None);
        assert_eq!(drift(&facts(0, &[0, 1, 2])), None);
        let moving = Facts {
            is_moving: true,
            ..facts(1, &[0, 1, 2])
        };
        assert_eq!(drift(&moving), None);
    }

    #[test]
    fn leaderships_that_are_handed_on_are_spread() {
        let mut given = HashMap::new();
        for expected in [1, 2, 1, 2] {
            let to = hand_on(&facts(0, &[0, 1, 2]), &given).unwrap();
            assert_eq!(to, ReplicaId::new(expected));
            *given.entry(to).or_default() += 1;
        }
        assert_eq!(hand_on(&facts(0, &[0]), &given), None);
    }
}
