//! Replicas that diverge, planted.

use std::collections::BTreeMap;

use checker::{Anomaly, ReplicaEntries, diverging};

/// Three replicas with different beginnings and ends, equal wherever they overlap.
fn equal() -> BTreeMap<String, ReplicaEntries> {
    let log = |first, end| (first..end).map(|index| (index, index * 1_000)).collect();
    [("a", log(0, 9)), ("b", log(2, 8)), ("c", log(1, 10))]
        .map(|(name, log)| (name.to_owned(), log))
        .into()
}

fn found(replicas: &BTreeMap<String, ReplicaEntries>) -> Vec<u64> {
    let index = |anomaly| match anomaly {
        Anomaly::Diverged { index, .. } => index,
        other => panic!("{other}"),
    };
    diverging(0, replicas).into_iter().map(index).collect()
}

#[test]
fn replicas_that_agree_where_they_overlap_are_good() {
    assert_eq!(found(&equal()), Vec::<u64>::new());
    assert_eq!(found(&BTreeMap::new()), Vec::<u64>::new());
    let mut replicas = equal();
    replicas.insert("empty".to_owned(), ReplicaEntries::new());
    assert_eq!(found(&replicas), Vec::<u64>::new());
}

#[test]
fn rule_14_finds_an_entry_that_differs_or_is_missing() {
    let mut replicas = equal();
    replicas.get_mut("b").unwrap().insert(4, 7);
    replicas.get_mut("c").unwrap().remove(&6);
    // Outside of what all of them have: nobody can tell.
    replicas.get_mut("a").unwrap().insert(0, 7);
    assert_eq!(found(&replicas), [4, 6]);
    assert_eq!(diverging(0, &replicas)[0].rule(), 14);
}
