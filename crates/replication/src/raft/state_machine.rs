//! openraft's state machine: applies committed entries, takes note of states at segment bases, keeps the snapshot.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use model::LogIndex;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};

use super::machine::Machine;
use super::proposal::Answer;
use super::shared::{Shared, blocking};
use super::types::{RaftLogId, Snapshot, SnapshotMeta, StoredMembership, Types};

/// The state machine of one group.
pub(crate) struct StateMachine<M> {
    shared: Arc<Shared<M>>,
    bases: Bases,
}

/// The segment bases that are still to be applied.
#[derive(Default)]
struct Bases {
    ahead: VecDeque<LogIndex>,
    last: Option<LogIndex>,
}

impl<M: Machine> StateMachine<M> {
    pub(crate) fn new(shared: Arc<Shared<M>>) -> Self {
        Self {
            shared,
            bases: Bases::default(),
        }
    }

    /// Looks for segments that were begun since.
    fn refresh_bases(&mut self) {
        let last = self.shared.log.last_base();
        if !self.shared.bases_moved() && last == self.bases.last {
            return;
        }
        let applied = self.shared.applied.read().position.last;
        let next = applied.map_or(0, |applied| applied.index + 1);
        let bases = self.shared.log.segment_bases().into_iter();
        self.bases.ahead = bases.filter(|base| base.get() >= next.max(1)).collect();
        self.bases.last = last;
    }

    /// Before a segment's first entry is applied, hands the state to the keeper.
    fn checkpoint_before(&mut self, index: u64) {
        while let Some(base) = self.bases.ahead.front().filter(|base| base.get() <= index) {
            let base = *base;
            self.bases.ahead.pop_front();
            let applied = self.shared.applied.read();
            let reaches = applied.position.last.map(|last| last.index + 1);
            if base.get() == index && reaches == Some(index) {
                let state = applied.encode();
                self.shared.checkpoints.lock().push((base, state));
                self.shared.keeper.notify_one();
            }
        }
    }
}

impl<M: Machine> RaftStateMachine<Types> for StateMachine<M> {
    type SnapshotData = Bytes;
    type SnapshotBuilder = SnapshotBuilder<M>;

    async fn applied_state(&mut self) -> Result<(Option<RaftLogId>, StoredMembership), io::Error> {
        let applied = self.shared.applied.read();
        Ok((applied.position.last, applied.position.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> Result<(), io::Error>
    where
        Strm: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + Send,
    {
        self.refresh_bases();
        let mut answers = Vec::new();
        let mut commands = 0;
        while let Some((entry, responder)) = entries.try_next().await? {
            self.checkpoint_before(entry.log_id.index);
            let answer = self.shared.applied.write().apply(&entry)?;
            commands += u64::from(matches!(answer, Answer::Command(_)));
            if let Some(responder) = responder {
                answers.push((responder, answer));
            }
        }
        // First shown, then answered: who has the answer must find the records.
        self.shared.publish();
        if commands > 0 {
            self.shared.commands.send_modify(|count| *count += commands);
        }
        for (responder, answer) in answers {
            responder.send(answer);
        }
        Ok(())
    }

    /// The snapshot that the keeper has stored; `force` asks for one of what is applied now.
    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<SnapshotBuilder<M>> {
        if !force && self.shared.snapshot.lock().is_none() {
            return None;
        }
        Some(SnapshotBuilder {
            shared: self.shared.clone(),
            of_applied: force,
        })
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder<M> {
        SnapshotBuilder {
            shared: self.shared.clone(),
            of_applied: false,
        }
    }

    async fn install_snapshot(
        &mut self,
        _meta: &SnapshotMeta,
        snapshot: Bytes,
    ) -> Result<(), io::Error> {
        let shared = self.shared.clone();
        blocking(move || shared.install_snapshot(snapshot)).await
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        Ok(current(&self.shared))
    }
}

fn current<M>(shared: &Shared<M>) -> Option<Snapshot> {
    let stored = shared.snapshot.lock().clone()?;
    Some(Snapshot {
        meta: stored.position.meta(),
        snapshot: stored.bytes,
    })
}

/// Hands out the stored snapshot, so that a disk which refuses a new one stops nothing.
pub(crate) struct SnapshotBuilder<M> {
    shared: Arc<Shared<M>>,
    of_applied: bool,
}

impl<M: Machine> RaftSnapshotBuilder<Types> for SnapshotBuilder<M> {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> Result<Snapshot, io::Error> {
        if self.of_applied {
            let shared = self.shared.clone();
            blocking(move || shared.snapshot_applied()).await?;
        }
        current(&self.shared).ok_or_else(|| io::Error::other("there is no snapshot"))
    }
}
