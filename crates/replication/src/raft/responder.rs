//! Carries an entry's answer from the state machine to its proposer. Dropped unanswered, it says "unknown".

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::ReplicaId;
use openraft::errors::{ClientWriteError, ForwardReason, ForwardToLeader};
use openraft::raft::ClientWriteResult;
use tokio::sync::oneshot;

use super::proposal::Answer;
use super::types::Types;
use super::waiting::{Place, Waiting};
use crate::answer::{AnswerSink, ProduceOutcome};

/// The end of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    Applied(Answer),
    NotLeader(Option<ReplicaId>),
    /// It leads, as far as it knows, and hears from no quorum: not written.
    NoQuorum,
    Unknown,
}

/// Counts the bytes that are proposed and not answered, while it lives.
pub(crate) struct Uncommitted {
    total: Arc<AtomicU64>,
    bytes: u64,
}

impl Uncommitted {
    /// `Err` holds the bytes there are, where `bytes` more would exceed `limit`. One batch always fits.
    pub(crate) fn count(total: &Arc<AtomicU64>, bytes: u64, limit: u64) -> Result<Self, u64> {
        let take = |before: u64| {
            let after = before.saturating_add(bytes);
            (before == 0 || after <= limit).then_some(after)
        };
        total.fetch_update(Ordering::AcqRel, Ordering::Acquire, take)?;
        Ok(Self {
            total: total.clone(),
            bytes,
        })
    }
}

impl Drop for Uncommitted {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// Who waits for the answer.
pub(crate) enum Proposer {
    Stream {
        sink: Arc<dyn AnswerSink>,
        tag: u64,
        bytes: Uncommitted,
    },
    Caller {
        answer: oneshot::Sender<WriteOutcome>,
        bytes: Option<Uncommitted>,
    },
}

impl Proposer {
    pub(crate) fn answer(self, outcome: WriteOutcome) {
        match self {
            Self::Stream { sink, tag, bytes } => {
                drop(bytes);
                sink.answer(tag, produced(outcome));
            }
            // A caller who went away wants no answer.
            Self::Caller { answer, bytes } => {
                drop(bytes);
                drop(answer.send(outcome));
            }
        }
    }
}

fn produced(outcome: WriteOutcome) -> ProduceOutcome {
    match outcome {
        WriteOutcome::Applied(Answer::Produced(outcome)) => outcome,
        WriteOutcome::NotLeader(leader) => ProduceOutcome::NotLeader { leader },
        WriteOutcome::NoQuorum => ProduceOutcome::NoQuorum,
        WriteOutcome::Applied(_) | WriteOutcome::Unknown => ProduceOutcome::Unknown,
    }
}

/// openraft's responder.
pub(crate) struct AckResponder<T> {
    waiting: Arc<Waiting>,
    /// `None` once it is answered.
    place: Option<Place>,
    convert: fn(T) -> WriteOutcome,
}

impl AckResponder<ClientWriteResult<Types>> {
    pub(crate) fn new(waiting: Arc<Waiting>, place: Place) -> Self {
        Self {
            waiting,
            place: Some(place),
            convert: outcome_of,
        }
    }
}

impl<T: Send + 'static> openraft::raft::responder::Responder<Types, T> for AckResponder<T> {
    fn on_complete(mut self, result: T) {
        let outcome = (self.convert)(result);
        if let Some(place) = self.place.take() {
            self.waiting.answer(place, outcome);
        }
    }
}

impl<T> Drop for AckResponder<T> {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.waiting.answer(place, WriteOutcome::Unknown);
        }
    }
}

/// Only `ForwardToLeader` means "not written", whatever its reason.
fn outcome_of(result: ClientWriteResult<Types>) -> WriteOutcome {
    match result {
        Ok(response) => WriteOutcome::Applied(response.data),
        Err(ClientWriteError::ForwardToLeader(ForwardToLeader {
            reason: ForwardReason::LeaseExpired,
            ..
        })) => WriteOutcome::NoQuorum,
        Err(ClientWriteError::ForwardToLeader(ForwardToLeader { leader_id, .. })) => {
            WriteOutcome::NotLeader(leader_id.map(ReplicaId::new))
        }
        Err(_) => WriteOutcome::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(reason: ForwardReason, leader_id: Option<u64>) -> ForwardToLeader<Types> {
        ForwardToLeader {
            reason,
            leader_id,
            leader_node: None,
        }
    }

    #[test]
    fn only_what_was_refused_is_known_not_to_be_written() {
        let elsewhere = forward(ForwardReason::NotLeader, Some(2));
        let refused = outcome_of(Err(ClientWriteError::ForwardToLeader(elsewhere.clone())));
        assert_eq!(refused, WriteOutcome::NotLeader(Some(ReplicaId::new(2))));
        let unheard = forward(ForwardReason::LeaseExpired, None);
        let refused = outcome_of(Err(ClientWriteError::ForwardToLeader(unheard)));
        assert_eq!(refused, WriteOutcome::NoQuorum);
        // Another leader may have committed what this one has cut off, or has got a snapshot of.
        let discarded = outcome_of(Err(ClientWriteError::LogEntryDiscarded(elsewhere)));
        assert_eq!(discarded, WriteOutcome::Unknown);
    }
}
