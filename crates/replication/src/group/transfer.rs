//! Hands leadership over.

use std::sync::Arc;

use model::ReplicaId;

use super::Group;
use crate::error::{ProposeError, TransferError};
use crate::process;
use crate::raft::machine::Machine;

impl<M: Machine> Group<M> {
    /// Lets another voter lead: when this returns `Ok`, somebody else does. After an election timeout the attempt is
    /// given up, and the instance replaced: openraft never clears a handover, and beats no more while there is one.
    pub(crate) async fn transfer_leadership(
        self: &Arc<Self>,
        to: ReplicaId,
    ) -> Result<(), TransferError> {
        let this = self.clone();
        // It must come to an end also where the caller goes away.
        let handed_over = process::spawn_on(&self.home, async move {
            let _alone = this.changing.try_lock().map_err(|_| TransferError::Busy)?;
            this.hand_over(to).await
        });
        handed_over.await.unwrap_or_else(|error| {
            Err(TransferError::Stopped {
                reason: error.to_string().into(),
            })
        })
    }

    /// As [`Group::transfer_leadership`], for who holds `changing`.
    pub(super) async fn hand_over(&self, to: ReplicaId) -> Result<(), TransferError> {
        let term = self.serving_term().map_err(|error| match error {
            ProposeError::NotLeader { leader } => TransferError::NotLeader { leader },
            other => TransferError::Stopped {
                reason: other.to_string().into(),
            },
        })?;
        if to == self.replica {
            return Ok(());
        }
        if !self.members().voters.contains(&to) {
            return Err(TransferError::NotVoter { to });
        }
        let limit = self.settings.in_sync_lag_max;
        let followers = self.followers();
        let target = followers.iter().find(|follower| follower.replica == to);
        let lag = target.map_or(u64::MAX, |target| target.lag);
        if lag > limit {
            return Err(TransferError::TooFarBehind { to, lag, limit });
        }
        let stopped = |error: &dyn std::fmt::Display| TransferError::Stopped {
            reason: error.to_string().into(),
        };
        let mut leadership = self.leadership.clone();
        let trigger = self.instances.current();
        let triggered = trigger.trigger().transfer_leader(to.get()).await;
        triggered.map_err(|error| stopped(&error))?;
        let waited = self.settings.election_timeout;
        let another = leadership.wait_for(|now| {
            now.leader.is_some_and(|leader| leader != self.replica) && now.term > term
        });
        match tokio::time::timeout(waited, another).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => return Err(stopped(&error)),
            Err(_) => {}
        }
        let still = {
            let now = self.leadership.borrow();
            now.leader == Some(self.replica) && now.term == term
        };
        if still {
            tracing::warn!(log = %self.shared.log.path().display(), %to, "leadership is not taken over, starting anew");
            let replaced = self.instances.replace().await;
            replaced.map_err(|error| stopped(&error))?;
        }
        Err(TransferError::Failed { to, waited })
    }
}
