//! A replica that comes to a group which exists already: until it has caught up it neither votes nor stands for
//! election.
//!
//! It reads the group's history from the beginning. In that history it may have been a member before, perhaps the only
//! one: it would elect itself, or help one to lead that was left behind, and what was committed since would be lost. Its
//! own memory of that time is gone with its files.
//!
//! It has caught up when it holds everything that a leader has committed which has committed an entry of its own term:
//! then it holds the end of its earlier membership, if there was one, and whoever was left behind asks for its vote in
//! vain. A file beside the group's directory remembers a newcomer across restarts.
//!
//! A leader makes it a voter no sooner than it has said that the file is durably gone. Else the members would need the
//! vote of one that refuses it, and without their leader they would never have another.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::ReplicaId;
use parking_lot::Mutex;
use segment_log::disk::{Disk, create_file_durably, remove_file_durably};

use crate::process;
use crate::raft::types::{RaftLogId, Vote};

/// Whether a replica still catches up with a group that it has come to.
pub(crate) struct Newcomer {
    disk: Arc<dyn Disk>,
    marker: PathBuf,
    is_new: AtomicBool,
    /// Nothing makes it new again.
    settled: AtomicBool,
    forgetting: AtomicBool,
    /// Held while the mark is deleted.
    closed: Mutex<bool>,
}

impl Newcomer {
    /// Of the group at `path`, which this replica `joins` or has joined before. Blocks.
    pub(crate) fn open(disk: Arc<dyn Disk>, path: &Path, joins: bool) -> io::Result<Self> {
        let marker = marker(path);
        let is_marked = disk.exists(&marker)?;
        if joins && !is_marked {
            create_file_durably(&*disk, &marker, b"")?;
        }
        Ok(Self {
            is_new: AtomicBool::new(joins || is_marked),
            settled: AtomicBool::new(!joins && !is_marked),
            forgetting: AtomicBool::new(false),
            closed: Mutex::new(false),
            disk,
            marker,
        })
    }

    /// Whether it must neither vote nor stand for election.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new.load(Ordering::Acquire)
    }

    /// Whether it is a member like any other, for good.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// It holds what its leader has up to `matched`; the leader, elected by `vote`, has committed up to `committed`.
    /// Whether it has caught up by that, and is now to [`forget`](Self::forget).
    pub(crate) fn has_caught_up(
        &self,
        matched: Option<RaftLogId>,
        committed: Option<RaftLogId>,
        vote: &Vote,
    ) -> bool {
        let is_of_its_term = |id: &RaftLogId| *id.leader_id == vote.leader_id.term;
        let holds_all = committed.as_ref().is_some_and(is_of_its_term) && matched >= committed;
        if holds_all {
            self.is_new.store(false, Ordering::Release);
        }
        holds_all && !self.is_settled() && !self.forgetting.swap(true, Ordering::AcqRel)
    }

    /// Forgets that it was new. Where that fails it is tried again with the next append.
    pub(crate) fn forget(self: &Arc<Self>) {
        let this = self.clone();
        process::spawn(async move {
            let there = this.clone();
            let removed = process::blocking(move || {
                let closed = there.closed.lock();
                if !*closed {
                    remove_marker(&*there.disk, &there.marker)?;
                    there.settled.store(true, Ordering::Release);
                }
                Ok::<_, io::Error>(())
            });
            if let Ok(Err(error)) = removed.await {
                tracing::debug!(marker = %this.marker.display(), %error, "the mark of a newcomer stays");
            }
            this.forgetting.store(false, Ordering::Release);
        });
    }

    /// The group is stopped: from now on the mark is another's. Blocks while it is being deleted.
    pub(crate) fn close(&self) {
        *self.closed.lock() = true;
    }
}

/// Which replicas have told a leader, in its term, that they are members like any other.
#[derive(Default)]
pub(crate) struct Settled(Mutex<BTreeMap<ReplicaId, u64>>);

impl Settled {
    pub(crate) fn say(&self, replica: ReplicaId, term: u64, is_settled: bool) {
        let mut said = self.0.lock();
        match is_settled {
            true => said.insert(replica, term),
            false => said.remove(&replica),
        };
    }

    pub(crate) fn is_settled(&self, replica: ReplicaId, term: u64) -> bool {
        self.0.lock().get(&replica) == Some(&term)
    }
}

/// Marks a group whose files are about to be deleted, if it has any: what is left of them may be opened again. Blocks.
pub(crate) fn mark_newcomer(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let marker = marker(path);
    if !disk.exists(path)? || disk.exists(&marker)? {
        return Ok(());
    }
    create_file_durably(disk, &marker, b"")
}

/// Deletes a group's mark, if it has one. Blocks.
pub(crate) fn forget_newcomer(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    remove_marker(disk, &marker(path))
}

fn remove_marker(disk: &dyn Disk, marker: &Path) -> io::Result<()> {
    match disk.exists(marker)? {
        true => remove_file_durably(disk, marker),
        false => Ok(()),
    }
}

fn marker(path: &Path) -> PathBuf {
    path.with_extension("joining")
}

#[cfg(test)]
mod tests {
    use segment_log::disk::SimulatedDisk;

    use super::*;
    use crate::raft::types::Committed;

    const GROUP: &str = "partitions/t/0";

    fn open(disk: &SimulatedDisk, joins: bool) -> Arc<Newcomer> {
        let opened = Newcomer::open(disk.mount(), Path::new(GROUP), joins);
        Arc::new(opened.unwrap())
    }

    fn disk() -> SimulatedDisk {
        let disk = SimulatedDisk::new(1);
        disk.mount().create_directory(Path::new(GROUP)).unwrap();
        disk
    }

    #[allow(clippy::unnecessary_wraps)]
    fn id(term: u64, index: u64) -> Option<RaftLogId> {
        let leader_id = Committed::new(term);
        Some(RaftLogId { leader_id, index })
    }

    #[test]
    fn it_has_caught_up_once_it_holds_what_a_leader_has_committed_in_its_own_term() {
        let vote = Vote::new_committed(4, 1);
        let newcomer = open(&disk(), true);
        assert!(newcomer.is_new());
        // Nothing is known to be committed, or nothing of the leader's own term: an older membership may be the last.
        assert!(!newcomer.has_caught_up(id(4, 9), None, &vote));
        assert!(!newcomer.has_caught_up(id(4, 9), id(3, 8), &vote));
        // It lacks some of it.
        assert!(!newcomer.has_caught_up(None, id(4, 9), &vote));
        assert!(!newcomer.has_caught_up(id(4, 8), id(4, 9), &vote));
        assert!(newcomer.is_new());
        assert!(newcomer.has_caught_up(id(4, 9), id(4, 9), &vote));
        assert!(!newcomer.is_new());
        // That is said once.
        assert!(!newcomer.has_caught_up(id(4, 10), id(4, 10), &vote));
    }

    #[test]
    fn it_stays_new_through_crashes_until_it_is_forgotten() {
        let disk = disk();
        assert!(!open(&disk, false).is_new());
        drop(open(&disk, true));
        for _ in 0..2 {
            disk.crash();
            // It has entries by now, so that it does not join.
            assert!(open(&disk, false).is_new());
        }
        forget_newcomer(&*disk.mount(), Path::new(GROUP)).unwrap();
        disk.crash();
        assert!(!open(&disk, false).is_new());
        forget_newcomer(&*disk.mount(), Path::new(GROUP)).unwrap();
    }

    #[tokio::test]
    async fn once_its_group_is_stopped_it_leaves_the_mark_alone() {
        let disk = disk();
        let newcomer = open(&disk, true);
        let vote = Vote::new_committed(4, 1);
        assert!(newcomer.has_caught_up(id(4, 9), id(4, 9), &vote));
        newcomer.close();
        newcomer.forget();
        while newcomer.forgetting.load(Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
        assert!(disk.mount().exists(&marker(Path::new(GROUP))).unwrap());
        assert!(!newcomer.is_settled());
    }

    #[tokio::test]
    async fn what_has_caught_up_is_forgotten_on_the_disk_too() {
        let disk = disk();
        let newcomer = open(&disk, true);
        newcomer.forget();
        let marker = marker(Path::new(GROUP));
        while disk.mount().exists(&marker).unwrap() {
            tokio::task::yield_now().await;
        }
        disk.crash();
        assert!(!open(&disk, false).is_new());
    }
}
