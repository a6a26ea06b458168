//! Proposes a command and waits for its answer, here or where the leader is.

use std::time::Duration;

use bytes::Bytes;
use model::ReplicaId;
use tokio::sync::oneshot;

use super::{Group, unanswered};
use crate::error::ProposeError;
use crate::peer::{CallError, PeerRequest, RequestKind};
use crate::raft::machine::Machine;
use crate::raft::proposal::{Answer, Proposal};
use crate::raft::responder::{Proposer, WriteOutcome};
use crate::state_group::forward;

/// What an entry takes beside its command: header, kind.
const ENTRY_BYTES: u64 = 64;

/// How long the leader may take to answer a command that was sent to it.
const FORWARD_TIMEOUT: Duration = Duration::from_secs(10);

impl<M: Machine> Group<M> {
    /// Proposes a command here, or sends it to the leader, once.
    pub(crate) async fn propose_anywhere(&self, command: Bytes) -> Result<Bytes, ProposeError> {
        match self.propose_command(command.clone()).await {
            Err(ProposeError::NotLeader {
                leader: Some(leader),
            }) => self.forward(leader, command).await,
            outcome => outcome,
        }
    }

    async fn forward(&self, leader: ReplicaId, command: Bytes) -> Result<Bytes, ProposeError> {
        let request = PeerRequest {
            group: self.id,
            kind: RequestKind::Propose,
            head: Bytes::new(),
            entries: vec![command],
        };
        let called = self.peers.call(leader, request, FORWARD_TIMEOUT);
        let replied = async { called.await?.await };
        match replied.await {
            Ok(reply) => forward::decode(&reply).unwrap_or(Err(ProposeError::Unknown)),
            Err(CallError::Refused { reason, .. }) => Err(ProposeError::Stopped { reason }),
            Err(error) if error.is_without_effect() => {
                tracing::debug!(%leader, %error, "command not forwarded");
                Err(ProposeError::NotLeader { leader: None })
            }
            Err(error) => {
                tracing::debug!(%leader, %error, "the outcome of a forwarded command is unknown");
                Err(ProposeError::Unknown)
            }
        }
    }

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
            WriteOutcome::NoQuorum => Err(ProposeError::NoQuorum),
            WriteOutcome::Applied(_) | WriteOutcome::Unknown => Err(ProposeError::Unknown),
        }
    }
}
