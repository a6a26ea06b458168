//! Reads of committed entries beside purges.

use model::{Durability, LogId, LogIndex, Offset, Term};
use segment_log::disk::SimulatedDisk;

use super::super::log_reader::read_there;
use super::harness::simulated;

#[tokio::test]
async fn an_entry_that_is_kept_is_found_however_many_purges_cut_across_the_read() {
    let disk = SimulatedDisk::new(1);
    let mut store = simulated(&disk, Durability::Fsync);
    let told = store.append(1, 0..1_000).await;
    store.shared.log.sync().unwrap();
    told.await.unwrap().unwrap();
    drop(store);
    disk.kill();
    // Opened anew, so that nothing is read from memory.
    let store = simulated(&disk, Durability::Fsync);
    let log = store.shared.log.clone();
    let purged = std::thread::spawn(move || {
        for index in 0..990 {
            let upto = LogId {
                term: Term::new(1).unwrap(),
                index: LogIndex::new(index),
            };
            log.purge(upto, Offset::new(index + 1)).unwrap();
        }
    });
    let kept = LogIndex::new(990)..LogIndex::new(1_000);
    while !purged.is_finished() {
        let found = read_there(&store.shared.log, &kept).unwrap();
        assert_eq!(found.first().map(|at| at.index), Some(kept.start));
    }
    purged.join().unwrap();
}
