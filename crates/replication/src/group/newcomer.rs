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

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use segment_log::disk::{Disk, create_file_durably, remove_file_durably};

use crate::process;
use crate::raft::types::{RaftLogId, Vote};

/// Whether a replica still catches up with a group that it has come to.
pub(crate) struct Newcomer {
    disk: Arc<dyn Disk>,
    marker: PathBuf,
    is_new: AtomicBool,
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
            disk,
            marker,
        })
    }

    /// Whether it must neither vote nor stand for election.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new.load(Ordering::Acquire)
    }

    /// It holds what its leader has up to `matched`; the leader, elected by `vote`, has committed up to `committed`.
    /// Whether it has caught up by that.
    pub(crate) fn has_caught_up(
        &self,
        matched: Option<RaftLogId>,
        committed: Option<RaftLogId>,
        vote: &Vote,
    ) -> bool {
        let is_of_its_term = |id: &RaftLogId| *id.leader_id == vote.leader_id.term;
        let holds_all = committed.as_ref().is_some_and(is_of_its_term) && matched >= committed;
        holds_all && self.is_new.swap(false, Ordering::AcqRel)
    }

    /// Forgets that it was new. Where that fails it is new once more after a restart, for a moment.
    pub(crate) fn forget(self: &Arc<Self>) {
        let this = self.clone();
        process::spawn(async move {
            let marker = this.marker.clone();
            let removed = process::blocking(move || remove_marker(&*this.disk, &this.marker));
            if let Ok(Err(error)) = removed.await {
                tracing::debug!(marker = %marker.display(), %error, "the mark of a newcomer stays");
            }
        });
    }
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
