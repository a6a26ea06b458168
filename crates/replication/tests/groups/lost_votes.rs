//! The votes are lost: the replica may have voted, and must not vote as one that has not.

use std::path::Path;

use replication::OpenGroupError;
use segment_log::KeyedJournal;

use crate::harness::batch;
use crate::trio::Cluster;

#[tokio::test]
async fn a_replica_with_entries_of_a_leader_and_without_its_vote_does_not_open() {
    let mut cluster = Cluster::of_three().await;
    cluster.produce(batch("a", 1)).await;
    cluster.caught_up(1).await;
    cluster.stop(2).await;
    // A journal that holds no vote: that of before the first one.
    let votes = Path::new("votes");
    let disk = cluster.members[&2].disk.mount();
    disk.remove_file(votes).unwrap();
    drop(KeyedJournal::open_or_begin(disk, votes).unwrap());
    let error = cluster.start_damaged(2).await;
    assert!(
        matches!(&error, OpenGroupError::VoteLost { term, .. } if term.get() > 0),
        "{error}"
    );
    assert!(!error.is_damage() && !error.passes(), "{error}");
    cluster.produce(batch("b", 1)).await;
    cluster.stop_all().await;
}
