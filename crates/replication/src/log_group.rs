//! A partition's group: its segment files are its Raft log.

use std::sync::Arc;

use model::batch::Batch;
use model::{Offset, ReplicaId, Term, Timestamp};
use openraft::ReadPolicy;
use openraft::errors::{LinearizableReadError, RaftError};
use segment_log::planted::{self, Bug};
use segment_log::{Fetched, Log, ReadFromError, ReadLogError, SegmentInfo};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use crate::answer::AnswerSink;
use crate::error::{ProposeError, ReadIndexError, ReconfigureError, TransferError};
use crate::group::{Group, unanswered};
use crate::members::{Follower, Members, Reconfigured};
use crate::raft::machine::Partition;
use crate::raft::proposal::{Answer, LogStart, Proposal};
use crate::raft::responder::{Proposer, WriteOutcome};
use crate::raft::types::Types;
use crate::status::{GroupEnds, GroupStatus};

/// How far a search by timestamp reads on at a time, in bytes.
const SEARCH_BYTES: usize = 1 << 20;

/// A handle to a log group. Clones share it.
#[derive(Clone)]
pub struct LogGroup {
    group: Arc<Group<Partition>>,
}

impl LogGroup {
    pub(crate) fn new(group: Arc<Group<Partition>>) -> Self {
        Self { group }
    }

    /// Hands a validated batch to Raft, behind everything that was proposed before. The outcome goes to `sink` with
    /// `tag`, exactly once; an error here is the outcome, and `sink` is not called.
    ///
    /// # Errors
    /// [`ProposeError`]: nothing was written.
    pub async fn propose(
        &self,
        batch: Batch,
        sink: &Arc<dyn AnswerSink>,
        tag: u64,
    ) -> Result<(), ProposeError> {
        self.propose_at(batch, None, sink, tag).await
    }

    /// As [`LogGroup::propose`]; with an offset, the batch is refused where its first record would get another one.
    ///
    /// # Errors
    /// [`ProposeError`]: nothing was written.
    pub async fn propose_at(
        &self,
        batch: Batch,
        expected: Option<Offset>,
        sink: &Arc<dyn AnswerSink>,
        tag: u64,
    ) -> Result<(), ProposeError> {
        let term = self.group.serving_term()?;
        let bytes = batch.total_bytes() as u64;
        let uncommitted = self.group.count_uncommitted(bytes)?;
        // Inside Raft a full disk would be final.
        let space = self.group.shared.log.reserve(bytes)?;
        let proposer = Proposer::Stream {
            sink: sink.clone(),
            tag,
            bytes: uncommitted,
        };
        let proposal = Proposal::Batch {
            batch,
            expected,
            space,
        };
        self.group.write(term, proposal, proposer).await;
        Ok(())
    }

    /// Moves the log start to `to`, but not above the high watermark and never back; producers silent since before
    /// `producers_idle_since` are forgotten. Returns the log start in force then.
    ///
    /// # Errors
    /// [`ProposeError`].
    pub async fn set_log_start(
        &self,
        to: Offset,
        producers_idle_since: Timestamp,
    ) -> Result<Offset, ProposeError> {
        let term = self.group.serving_term()?;
        let start = LogStart {
            to,
            producers_below: self.end_before(producers_idle_since),
        };
        let (answer, answered) = oneshot::channel();
        let proposer = Proposer::Caller {
            answer,
            bytes: None,
        };
        let proposal = Proposal::LogStart(start);
        self.group.write(term, proposal, proposer).await;
        match answered.await.map_err(unanswered)? {
            WriteOutcome::Applied(Answer::LogStart(now)) => Ok(now),
            WriteOutcome::NotLeader(leader) => Err(ProposeError::NotLeader { leader }),
            WriteOutcome::NoQuorum => Err(ProposeError::NoQuorum),
            WriteOutcome::Applied(_) | WriteOutcome::Unknown => Err(ProposeError::Unknown),
        }
    }

    /// Whether [`LogGroup::set_log_start`] with this time would forget any producer.
    pub fn has_producers_idle_since(&self, idle_since: Timestamp) -> bool {
        let below = self.end_before(idle_since);
        let applied = self.group.shared.applied.read();
        below > Offset::ZERO && applied.machine.producers_below(below)
    }

    /// Where the log ended before a time, as far as its segments tell by this broker's clock: to the nearest segment,
    /// and rather too low.
    fn end_before(&self, time: Timestamp) -> Offset {
        let segments = self.log().segments();
        let older = |segment: &&SegmentInfo| segment.last_append.is_some_and(|last| last < time);
        let oldest = segments.iter().take_while(older);
        oldest.last().map_or(Offset::ZERO, |last| last.end_offset)
    }

    /// Waits until this replica serves the group, or the group has stopped; returns the status then.
    pub async fn serving(&self) -> GroupStatus {
        self.group.serving().await
    }

    /// The group's members, as far as this replica knows; in the midst of a change, those before and after it.
    pub fn members(&self) -> Members {
        self.group.members()
    }

    /// What the leader knows of the other members; empty where this replica does not lead.
    pub fn followers(&self) -> Vec<Follower> {
        self.group.followers()
    }

    /// Does one step towards the wanted members; to be called again until it says [`Reconfigured::Done`]. One step of a
    /// group is done at a time, and each is committed: whoever leads next can go on.
    ///
    /// # Errors
    /// [`ReconfigureError`].
    pub async fn reconfigure(&self, wanted: &Members) -> Result<Reconfigured, ReconfigureError> {
        self.group.reconfigure(wanted).await
    }

    /// Lets another voter lead; when this returns `Ok`, this replica does not. Meanwhile proposals are refused.
    ///
    /// # Errors
    /// [`TransferError`]; given up after an election timeout.
    pub async fn transfer_leadership(&self, to: ReplicaId) -> Result<(), TransferError> {
        self.group.transfer_leadership(to).await
    }

    /// The group now.
    pub fn status(&self) -> GroupStatus {
        self.group.status()
    }

    /// Whether this replica may answer clients: [`GroupStatus::serves`], without the rest of the status.
    pub fn serves(&self) -> bool {
        self.group.serves()
    }

    /// Who leads, as far as this replica knows, and the newest term that it knows.
    pub fn leader(&self) -> (Option<ReplicaId>, Term) {
        self.group.leader()
    }

    /// Why the group takes nothing more, if it has stopped.
    pub fn stopped(&self) -> Option<Arc<str>> {
        self.group.stopped()
    }

    /// Changes when the high watermark or the log start moves; internal entries wake nobody.
    pub fn watch(&self) -> watch::Receiver<GroupEnds> {
        self.group.shared.ends.subscribe()
    }

    /// Resolves once this replica serves clients no longer.
    pub fn stops_serving(&self) -> impl Future<Output = ()> + Send + use<> {
        let group = self.group.clone();
        async move { group.stops_serving().await }
    }

    /// Whether this replica leads, as a quorum has said a moment ago. A leader that was cut off or paused does not know
    /// that another leads, and its high watermark is an old one: ask [`LogGroup::latest`] then.
    pub fn is_confirmed(&self) -> bool {
        self.group.is_confirmed()
    }

    /// The high watermark, confirmed by a quorum to be the newest: for ListOffsets(latest).
    ///
    /// # Errors
    /// [`ReadIndexError`].
    pub async fn latest(&self) -> Result<Offset, ReadIndexError> {
        let stopped = || ReadIndexError::Stopped {
            reason: self.group.stopped().unwrap_or_else(|| "it stops".into()),
        };
        match self.group.serving_term() {
            Err(ProposeError::NotLeader { leader }) => {
                return Err(ReadIndexError::NotLeader { leader });
            }
            Err(_) => return Err(stopped()),
            Ok(_) => {}
        }
        if planted::has(Bug::StaleLatest) {
            return Ok(self.ends().high_watermark);
        }
        // No lease read: a restarted voter has forgotten the promise behind the lease.
        let raft = &self.group.instances.current();
        let confirmed = raft.get_read_linearizer(ReadPolicy::ReadIndex).await;
        let confirmed = confirmed.map_err(|error| read_index_error(error, stopped))?;
        confirmed.await_ready(raft).await.map_err(|_| stopped())?;
        Ok(self.ends().high_watermark)
    }

    /// Committed record batches from the one that holds `from`, about `max_bytes` of them, the first one whole
    /// however large; empty between the high watermark and the log end. Blocks on the disk unless
    /// [`LogGroup::is_hot`].
    ///
    /// # Errors
    /// [`ReadFromError`]: below the group's log start, above the log end, or the disk.
    pub fn read(&self, from: Offset, max_bytes: usize) -> Result<Fetched, ReadFromError> {
        let ends = self.ends();
        if from < ends.log_start {
            return Err(ReadFromError::BelowLogStart {
                wanted: from,
                log_start: ends.log_start,
            });
        }
        let log = self.log();
        let mut up_to = ends.high_watermark;
        if planted::has(Bug::ReadUncommitted) {
            up_to = log.ends().end_offset;
        }
        if log.failed().is_some() {
            // What the failed sync was to make durable may be gone after a restart.
            up_to = up_to.min(log.ends().durable_offset);
        }
        log.read_from(from, up_to, max_bytes)
    }

    /// Whether a read from here is served from memory, and need not be moved to a blocking thread.
    pub fn is_hot(&self, from: Offset) -> bool {
        self.log().is_hot(from)
    }

    /// The first committed batch, not wholly below the log start, whose largest timestamp is `wanted` or later: its
    /// base offset (which may be below the log start) and that timestamp. Blocks.
    ///
    /// # Errors
    /// [`ReadLogError`]: damage, or the disk refused.
    pub fn offset_for_timestamp(
        &self,
        wanted: Timestamp,
    ) -> Result<Option<(Offset, Timestamp)>, ReadLogError> {
        let ends = self.ends();
        let found = self
            .log()
            .offset_for_timestamp(wanted, ends.high_watermark)?;
        match found {
            Some((base, _)) if base < ends.log_start => {}
            found => return Ok(found),
        }
        // The log knows its start by segments only: go on batch by batch from the group's.
        let mut from = ends.log_start;
        loop {
            let fetched = match self.read(from, SEARCH_BYTES) {
                Ok(fetched) if fetched.bytes > 0 => fetched,
                Ok(_) | Err(ReadFromError::AboveEnd { .. }) => return Ok(None),
                Err(ReadFromError::BelowLogStart { log_start, .. }) => {
                    from = log_start;
                    continue;
                }
                Err(ReadFromError::Stored(error)) => return Err(error),
            };
            for mut run in fetched.batches {
                while let Ok(batch) = Batch::split_off(&mut run) {
                    let header = batch.header();
                    if header.max_timestamp() >= wanted {
                        return Ok(Some((header.base_offset(), header.max_timestamp())));
                    }
                }
            }
            from = fetched.next_offset;
        }
    }

    /// The log below: segments, rolling, settings. Read records through [`LogGroup::read`].
    pub fn log(&self) -> &Log {
        &self.group.shared.log
    }

    /// The runtime that the group lives on.
    pub fn runtime(&self) -> &Handle {
        &self.group.home
    }

    fn ends(&self) -> GroupEnds {
        *self.group.shared.ends.borrow()
    }
}

fn read_index_error(
    error: RaftError<Types, LinearizableReadError<Types>>,
    stopped: impl Fn() -> ReadIndexError,
) -> ReadIndexError {
    match error {
        RaftError::APIError(LinearizableReadError::ForwardToLeader(forward)) => {
            ReadIndexError::NotLeader {
                leader: forward.leader_id.map(ReplicaId::new),
            }
        }
        RaftError::APIError(LinearizableReadError::QuorumNotEnough(error)) => {
            ReadIndexError::NoQuorum {
                reason: error.to_string(),
            }
        }
        RaftError::Fatal(_) => stopped(),
    }
}
