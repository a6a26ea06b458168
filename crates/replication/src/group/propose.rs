//! Proposes a command and waits for its answer.

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Group, unanswered};
use crate::error::ProposeError;
use crate::raft::machine::Machine;
use crate::raft::proposal::{Answer, Proposal};
use crate::raft::responder::{Proposer, WriteOutcome};

/// What an entry takes beside its command: header, kind.
const ENTRY_BYTES: u64 = 64;

impl<M: Machine> Group<M> {
    /// Proposes a command, where this replica leads, and waits for its answer.
    pub(crate) async fn propose_command(&self, command: Bytes) -> Result<Bytes, ProposeError> {
        let term = self.serving_term()?;
        let bytes = command.len() as u64 + ENTRY_BYTES;
        let uncommitted = self.count_uncommitted(bytes)?;
        let space = self.shared.log.reserve(bytes)?;
        let (answer, answered) = oneshot::channel();
        let proposer = Proposer::Caller {
            answer,
            bytes: Some(uncommitted),
        };
        let proposal = Proposal::Command { command, space };
        self.write(term, proposal, proposer).await;
        match answered.await.map_err(unanswered)? {
            WriteOutcome::Applied(Answer::Command(answer)) => Ok(answer),
            WriteOutcome::NotLeader(leader) => Err(ProposeError::NotLeader { leader }),
            WriteOutcome::Applied(_) | WriteOutcome::Unknown => Err(ProposeError::Unknown),
        }
    }
}
