//! openraft's log storage on a segment log: the leader's decision, durability, votes.

use std::io;
use std::sync::Arc;

use model::{LogId, LogIndex, Offset};
use openraft::entry::RaftPayload;
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use segment_log::planted::{self, Bug};

use super::decide::{Decided, Place, decide};
use super::log_reader::LogReader;
use super::machine::Machine;
use super::persist::persist;
use super::shared::Shared;
use super::types::{Entry, RaftLogId, Types, Vote, from_raft, to_raft, to_term};

/// The log of one group.
pub(crate) struct LogStore<M> {
    shared: Arc<Shared<M>>,
}

impl<M: Machine> LogStore<M> {
    pub(crate) fn new(shared: Arc<Shared<M>>) -> Self {
        Self { shared }
    }
}

impl<M: Machine> RaftLogStorage<Types> for LogStore<M> {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        let ends = self.shared.log.ends();
        Ok(LogState {
            last_purged_log_id: ends.purged.map(to_raft),
            last_log_id: ends.last.map(to_raft),
        })
    }

    async fn get_log_reader(&mut self) -> LogReader {
        LogReader::new(&self.shared)
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let vote = *vote;
        to_term(vote.leader_id.term)?;
        persist(&self.shared, move |shared| {
            // openraft takes a saved vote for a sign that everything appended before is durable too.
            if !planted::has(Bug::SaveVoteWithoutAppends) {
                shared.log.sync()?;
            }
            let committed = *shared.committed.lock();
            let row = &shared.votes;
            Ok(row.votes.save(&row.key, vote, committed)?)
        })
        .await
    }

    async fn save_committed(&mut self, committed: Option<RaftLogId>) -> Result<(), io::Error> {
        *self.shared.committed.lock() = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<RaftLogId>, io::Error> {
        let committed = *self.shared.committed.lock();
        let ends = self.shared.log.ends();
        // It was noted without the log: what it names may be lost with the power.
        let Some(last_durable) = ends.durable_index.previous() else {
            return Ok(None);
        };
        let beyond = committed.filter(|id| id.index > last_durable.get());
        let Some(committed) = beyond.filter(|_| !planted::has(Bug::TrustCommitted)) else {
            return Ok(committed);
        };
        let term = self.shared.log.term_at(last_durable);
        let durable = term.map(|term| {
            let index = last_durable;
            to_raft(LogId { term, index })
        });
        Ok(durable.filter(|durable| *durable < committed))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let shared = &*self.shared;
        let entries = entries.into_iter();
        let mut batches = Vec::with_capacity(entries.size_hint().0);
        let mut promised = Vec::new();
        let mut first = None;
        let mut changes_members = false;
        let mut offset = shared.log.ends().end_offset;
        {
            let mut tail = shared.tail.lock();
            for entry in entries {
                let id = from_raft(entry.log_id)?;
                changes_members |= entry.payload.get_membership().is_some();
                first.get_or_insert(id.index);
                let place = Place {
                    offset,
                    term: id.term,
                };
                let now = || shared.clock.now();
                let Decided { batch, space } = decide(&mut tail, entry.payload, place, now)?;
                offset = batch.header().end_offset();
                promised.extend(space);
                batches.push(batch);
            }
        }
        let Some(first) = first else {
            callback.io_completed(Ok(()));
            return Ok(());
        };
        if planted::has(Bug::AcknowledgeBeforeSync) {
            callback.io_completed(Ok(()));
            let appended = shared.log.append(first, batches, Box::new(|_| {}));
            return appended.map(drop).map_err(io::Error::other);
        }
        let on_durable = move |outcome: Result<(), segment_log::SyncFailed>| {
            // Used up now.
            drop(promised);
            callback.io_completed(outcome.map_err(io::Error::other));
        };
        // Who the members are must never be forgotten: the only voter starts after a power cut without asking anybody.
        let appended = match changes_members {
            true => shared
                .log
                .append_synced(first, batches, Box::new(on_durable)),
            false => shared.log.append(first, batches, Box::new(on_durable)),
        };
        appended.map(drop).map_err(io::Error::other)
    }

    async fn truncate_after(&mut self, last: Option<RaftLogId>) -> Result<(), io::Error> {
        let last = last.map(|last| LogIndex::new(last.index));
        persist(&self.shared, move |shared| {
            shared.log.truncate_after(last)?;
            shared.forget_bases();
            Ok(shared.rebuild_tail()?)
        })
        .await
    }

    async fn purge(&mut self, upto: RaftLogId) -> Result<(), io::Error> {
        let upto = from_raft(upto)?;
        persist(&self.shared, move |shared| {
            let is_reset = upto.index >= shared.log.ends().end_index;
            let offset = offset_behind(shared, upto.index)?;
            shared.log.purge(upto, offset)?;
            if is_reset {
                shared.forget_bases();
                shared.rebuild_tail()?;
            }
            Ok(())
        })
        .await
    }
}

/// The offset behind an entry that is about to be purged. Blocks.
fn offset_behind<M: Machine>(shared: &Shared<M>, index: LogIndex) -> io::Result<Offset> {
    let next = index.next();
    let ends = shared.log.ends();
    if next < ends.end_index {
        let range = next..next.next();
        let headers = shared
            .log
            .read_headers(range, 1)
            .map_err(io::Error::other)?;
        if let Some(at) = headers.first() {
            return Ok(at.header.base_offset());
        }
    }
    // Beyond the end it is a reset to the snapshot.
    let snapshot = shared.snapshot.lock();
    let at_snapshot = snapshot.as_ref().map(|stored| &stored.position);
    let at_snapshot = at_snapshot.filter(|at| at.last.is_some_and(|p| p.index == index.get()));
    Ok(at_snapshot.map_or(ends.end_offset, |at| at.high_watermark))
}
