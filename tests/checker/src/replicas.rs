//! Rule 14: replicas agree wherever they overlap. It needs no history, but what lies on their disks.

use std::collections::BTreeMap;

use super::Anomaly;

/// One replica's log of a partition: each entry's index, and a checksum of all of its bytes.
pub type ReplicaEntries = BTreeMap<u64, u64>;

/// Every entry that replicas, by their names, do not agree on, over the range that all of them have.
pub fn diverging(partition: u32, replicas: &BTreeMap<String, ReplicaEntries>) -> Vec<Anomaly> {
    // A replica without entries has nothing in common with the others.
    let first = replicas.values().map(|log| log.keys().next()).max();
    let last = replicas.values().map(|log| log.keys().next_back()).min();
    let (Some(Some(first)), Some(Some(last))) = (first, last) else {
        return Vec::new();
    };
    let differs = |index: &u64| {
        let mut entries = replicas.values().map(|log| log.get(index));
        let one = entries.next().flatten();
        one.is_none() || entries.any(|other| other != one)
    };
    let anomaly = |index| Anomaly::Diverged {
        partition,
        index,
        checksums: replicas
            .iter()
            .map(|(name, log)| (name.clone(), log.get(&index).copied()))
            .collect(),
    };
    (*first..=*last).filter(differs).map(anomaly).collect()
}
