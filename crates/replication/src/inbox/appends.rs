//! Received appends: checked, space promised, then handed to Raft one behind the other without waiting for the answers.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use model::{LogIndex, Offset, ReplicaId, Term};
use openraft::errors::Fatal;
use openraft::raft::{AppendEntriesRequest, StreamAppendResult};
use segment_log::{Log, SpaceReservation};
use tokio::sync::mpsc;

use super::Counted;
use crate::group::Instances;
use crate::peer::{PeerReply, PeerRequest, ReplySlot};
use crate::raft::check::{self, Junction, LocalLog};
use crate::raft::machine::Machine;
use crate::raft::shared::{Shared, blocking};
use crate::raft::types::{Entry, RaftLogId, Types, Vote};
use crate::raft::wire::{self, Append, Appended};

type Answer = Result<StreamAppendResult<Types>, Fatal<Types>>;

/// The appends of one group.
pub(super) struct Appends<M: Machine> {
    instances: Arc<Instances<M>>,
    shared: Arc<Shared<M>>,
    feed: Option<Feed>,
    /// What Raft has taken and not answered, in order.
    unanswered: VecDeque<Unanswered>,
    newest: Option<Newest>,
}

/// A stream of appends into an instance. It ends with the first one that the instance refuses.
struct Feed {
    requests: mpsc::UnboundedSender<AppendEntriesRequest<Types>>,
    answers: BoxStream<'static, Answer>,
}

struct Unanswered {
    reply: ReplySlot,
    vote: Vote,
    committed: Option<RaftLogId>,
    /// Held until the entries are in the log.
    _space: Option<SpaceReservation>,
    _counted: Option<Counted>,
}

/// The last entry handed to Raft in an unbroken row, the offset behind it, and under whose vote.
#[derive(Clone, Copy)]
struct Newest {
    vote: Vote,
    id: RaftLogId,
    end: Offset,
}

impl<M: Machine> Appends<M> {
    pub(super) fn new(instances: Arc<Instances<M>>) -> Self {
        Self {
            shared: instances.shared.clone(),
            instances,
            feed: None,
            unanswered: VecDeque::new(),
            newest: None,
        }
    }

    /// Waits for the next answer of Raft's and passes it on; for ever, where none is due.
    pub(super) async fn next_answer(&mut self) {
        let answer = match &mut self.feed {
            Some(feed) if !self.unanswered.is_empty() => feed.answers.next().await,
            _ => std::future::pending().await,
        };
        self.answered(answer);
    }

    /// Takes an append. Its answer comes later.
    pub(super) async fn take(
        &mut self,
        from: ReplicaId,
        request: PeerRequest,
        reply: ReplySlot,
        counted: Option<Counted>,
    ) {
        let Some(append) = Append::decode(request.head, request.entries) else {
            tracing::warn!(log = %self.shared.log.path().display(), %from, "an append makes no sense");
            return reply.refuse("the append makes no sense");
        };
        let entries = match self.check(from, &append).await {
            Ok(entries) => entries,
            Err(reason) => {
                tracing::warn!(log = %self.shared.log.path().display(), %from, %reason, "append refused");
                return reply.refuse(reason);
            }
        };
        let space = match self.reserve(&append) {
            Ok(space) => space,
            Err(full) => return reply.refuse(full.to_string()),
        };
        self.remember(&append, &entries);
        let request = AppendEntriesRequest {
            vote: append.vote,
            prev_log_id: append.prev,
            entries,
            leader_commit: append.committed,
        };
        let instances = &self.instances;
        let feed = self.feed.get_or_insert_with(|| Feed::into(instances));
        // The stream ends in `answers`, where this one too is told so.
        let _ = feed.requests.send(request);
        let _space = space;
        self.unanswered.push_back(Unanswered {
            reply,
            vote: append.vote,
            committed: append.committed,
            _space,
            _counted: counted,
        });
    }

    /// The entries to hand to Raft, every one fit to be appended where it will be.
    async fn check(&mut self, from: ReplicaId, append: &Append) -> Result<Vec<Entry>, String> {
        let refused = |refusal: check::AppendRefusal| refusal.to_string();
        let mut entries = check::entries(append, from.get()).map_err(refused)?;
        if let Some(failed) = self.shared.log.failed() {
            return Err(failed.to_string());
        }
        if entries.is_empty() {
            let local = Local(&*self.shared);
            check::junction(append, &entries, &local).map_err(refused)?;
            return Ok(entries);
        }
        let follows = self.newest.filter(|newest| {
            newest.vote == append.vote && append.prev == Some(newest.id) && self.feed.is_some()
        });
        if let (Some(newest), Some(first)) = (follows, append.batches.first()) {
            let first_index = check::first_index(append);
            check::check_offset(first_index, first, newest.end).map_err(refused)?;
            return Ok(entries);
        }
        // What is under way decides where this one goes.
        while !self.unanswered.is_empty() {
            self.next_answer().await;
        }
        let local = Local(&*self.shared);
        match check::junction(append, &entries, &local).map_err(refused)? {
            Junction::Gap => entries.clear(),
            Junction::Nothing => {}
            Junction::At(at) => {
                let index = check::first_index(append) + at as u64;
                let offset = offset_at(&self.shared.log, LogIndex::new(index)).await;
                let offset = offset.map_err(|error| error.to_string())?;
                if let Some(batch) = append.batches.get(at) {
                    check::check_offset(index, batch, offset).map_err(refused)?;
                }
            }
        }
        Ok(entries)
    }

    /// Space for the entries, but not for Raft's own: for these the log keeps some back, and they may be what frees some.
    fn reserve(&self, append: &Append) -> Result<Option<SpaceReservation>, segment_log::NoSpace> {
        let batches = append.batches.iter();
        let records = batches.filter(|batch| !is_ours(batch));
        let bytes: u64 = records.map(|batch| batch.total_bytes() as u64).sum();
        match bytes {
            0 => Ok(None),
            bytes => self.shared.log.reserve(bytes).map(Some),
        }
    }

    fn remember(&mut self, append: &Append, entries: &[Entry]) {
        if let (Some(entry), Some(batch)) = (entries.last(), append.batches.last()) {
            self.newest = Some(Newest {
                vote: append.vote,
                id: entry.log_id,
                end: batch.header().end_offset(),
            });
        }
    }

    /// A newcomer becomes a member like any other once it holds what counts.
    fn catch_up(&self, matched: Option<RaftLogId>, append: &Unanswered) {
        let newcomer = &self.shared.newcomer;
        if !newcomer.is_settled() && newcomer.has_caught_up(matched, append.committed, &append.vote)
        {
            let log = self.shared.log.path().display();
            tracing::debug!(%log, "a newcomer has caught up");
            self.instances.current().runtime_config().elect(true);
            newcomer.forget();
        }
    }

    fn answered(&mut self, answer: Option<Answer>) {
        let next = self.unanswered.pop_front();
        let ended = match answer {
            Some(Ok(result)) => {
                if let Some(next) = next {
                    if let Ok(matched) = &result {
                        self.catch_up(*matched, &next);
                    }
                    let appended = Appended {
                        is_settled: self.shared.newcomer.is_settled(),
                        result: result.clone(),
                    };
                    let head = wire::encode_appended(&appended);
                    next.reply.answer(PeerReply::of_head(head));
                }
                result.is_err()
            }
            Some(Err(fatal)) => {
                if let Some(next) = next {
                    next.reply.refuse(fatal.to_string());
                }
                true
            }
            // Dropped, the slot says that nobody knows.
            None => true,
        };
        if ended {
            // Raft may still take what was sent behind, or refuse it: the sender begins anew in any case.
            self.feed = None;
            self.newest = None;
            self.unanswered.clear();
        }
    }
}

impl Feed {
    fn into<M: Machine>(instances: &Instances<M>) -> Self {
        let (requests, received) = mpsc::unbounded_channel();
        let input = futures_util::stream::unfold(received, async |mut received| {
            Some((received.recv().await?, received))
        });
        Self {
            requests,
            answers: instances.current().stream_append(input).boxed(),
        }
    }
}

/// Whether an entry is one of Raft's own, which are small.
fn is_ours(batch: &model::batch::Batch) -> bool {
    const SMALL: usize = 4096;
    batch.header().is_internal() && batch.total_bytes() <= SMALL
}

/// The offset that an entry at `index` must have: that of the one there, or the log's end.
async fn offset_at(log: &Log, index: LogIndex) -> std::io::Result<Offset> {
    let ends = log.ends();
    if index >= ends.end_index {
        return Ok(ends.end_offset);
    }
    let there = index..index.next();
    if let Some(found) = log.recent_headers(there.clone(), 1).first() {
        return Ok(found.header.base_offset());
    }
    let log = log.clone();
    blocking(move || {
        let found = log.read_headers(there, 1).map_err(std::io::Error::other)?;
        let gone = || std::io::Error::other(format!("entry {index} has just been cut off"));
        let found = found.first().ok_or_else(gone)?;
        Ok(found.header.base_offset())
    })
    .await
}

/// The local log as the checks see it.
struct Local<'a, M>(&'a Shared<M>);

impl<M> LocalLog for Local<'_, M> {
    fn term_at(&self, index: LogIndex) -> Option<Term> {
        self.0.log.term_at(index)
    }

    fn committed(&self) -> Option<RaftLogId> {
        let applied = self.0.applied.read().position.last;
        applied.max(*self.0.committed.lock())
    }
}
