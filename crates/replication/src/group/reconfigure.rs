//! Changes a group's members, one committed step at a time: whoever leads next can go on from any of them.
//!
//! ```text
//! add the missing ones as learners ─▶ wait until they have caught up ─▶ make the wanted ones voters (joint, then not)
//!   ─▶ hand over, where the leader is not to stay ─▶ drop who is not wanted
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use model::ReplicaId;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ChangeMembershipError, ClientWriteError, RaftError};
use openraft::{ChangeMembers, EmptyNode};

use super::Group;
use crate::error::{ProposeError, ReconfigureError, TransferError};
use crate::members::{Follower, Members, Reconfigured};
use crate::process;
use crate::raft::machine::Machine;
use crate::raft::types::Types;

type Change = ChangeMembers<u64, EmptyNode>;

/// What is to be done next.
enum Step {
    Done,
    /// The last change was cut short between its two entries.
    Finish,
    Change(Change),
    HandOver(ReplicaId),
    CatchUp {
        replica: ReplicaId,
        lag: u64,
    },
}

impl<M: Machine> Group<M> {
    /// Does one step towards the wanted members.
    pub(crate) async fn reconfigure(
        self: &Arc<Self>,
        wanted: &Members,
    ) -> Result<Reconfigured, ReconfigureError> {
        let (this, wanted) = (self.clone(), wanted.clone());
        // A change that was begun is seen to its end also where the caller goes away.
        let stepped = process::spawn_on(&self.home, async move {
            let _alone = this
                .changing
                .try_lock()
                .map_err(|_| ReconfigureError::Busy)?;
            this.step_towards(&wanted).await
        });
        stepped.await.unwrap_or(Err(ReconfigureError::Unknown))
    }

    async fn step_towards(&self, wanted: &Members) -> Result<Reconfigured, ReconfigureError> {
        let term = self.serving_term().map_err(|error| match error {
            ProposeError::NotLeader { leader } => ReconfigureError::NotLeader { leader },
            other => ReconfigureError::Stopped {
                reason: other.to_string().into(),
            },
        })?;
        match self.next_step(wanted, term)? {
            Step::Done => Ok(Reconfigured::Done),
            Step::CatchUp { replica, lag } => Ok(Reconfigured::CatchingUp { replica, lag }),
            // Nobody is added: what is there becomes uniform.
            Step::Finish => {
                self.change(ChangeMembers::AddVoterIds(BTreeSet::new()))
                    .await
            }
            Step::Change(change) => self.change(change).await,
            Step::HandOver(to) => match self.hand_over(to).await {
                Ok(()) => Ok(Reconfigured::Stepped),
                Err(TransferError::NotLeader { leader }) => {
                    Err(ReconfigureError::NotLeader { leader })
                }
                Err(error) => Err(ReconfigureError::Refused {
                    reason: error.to_string(),
                }),
            },
        }
    }

    fn next_step(&self, wanted: &Members, term: u64) -> Result<Step, ReconfigureError> {
        if wanted.voters.is_empty() {
            return Err(ReconfigureError::NoVoters);
        }
        let raft = self.instances.current();
        let metrics = raft.server_metrics();
        let (effective, committed) = {
            let metrics = metrics.borrow_watched();
            let committed = metrics.committed_membership_config.clone();
            (metrics.membership_config.clone(), committed)
        };
        if effective.log_id() != committed.log_id() {
            return Err(ReconfigureError::Busy);
        }
        if effective.membership().get_joint_config().len() > 1 {
            return Ok(Step::Finish);
        }
        let now = self.members();
        let is_there = |id: &&ReplicaId| now.voters.contains(id) || now.learners.contains(id);
        let missing: Vec<_> = wanted.voters.union(&wanted.learners).collect();
        let missing = missing.into_iter().filter(|id| !is_there(id));
        let missing: std::collections::BTreeMap<_, _> =
            missing.map(|id| (id.get(), EmptyNode {})).collect();
        if !missing.is_empty() {
            // What one said before it was removed says nothing of it now.
            let settled = &self.shared.settled;
            missing
                .keys()
                .for_each(|id| settled.say(ReplicaId::new(*id), term, false));
            return Ok(Step::Change(ChangeMembers::AddNodes(missing)));
        }
        let followers = self.followers();
        let rising = wanted.voters.difference(&now.voters);
        if let Some((replica, lag)) = self.furthest_behind(rising, &followers, term) {
            tracing::debug!(%replica, lag, "catching up");
            return Ok(Step::CatchUp { replica, lag });
        }
        // Who leads votes until somebody else leads.
        let mut voters = wanted.voters.clone();
        if now.voters.contains(&self.replica) {
            voters.insert(self.replica);
        }
        if voters != now.voters {
            let stands = |voters| self.in_the_way(voters, &followers);
            if let Some(one) = stands(&voters).or_else(|| stands(&wanted.voters)) {
                let (replica, lag) = (one.replica, one.lag);
                return Ok(Step::CatchUp { replica, lag });
            }
            let voters = voters.iter().map(|id| id.get()).collect();
            return Ok(Step::Change(ChangeMembers::ReplaceAllVoters(voters)));
        }
        if !wanted.voters.contains(&self.replica) {
            let mut able = followers
                .iter()
                .filter(|one| wanted.voters.contains(&one.replica));
            let best = able
                .clone()
                .filter(|one| one.is_in_sync)
                .min_by_key(|one| one.lag);
            return match (best, able.next()) {
                (Some(one), _) => Ok(Step::HandOver(one.replica)),
                (None, Some(one)) => Ok(Step::CatchUp {
                    replica: one.replica,
                    lag: one.lag,
                }),
                (None, None) => Err(ReconfigureError::Busy),
            };
        }
        let unwanted: BTreeSet<u64> = now
            .learners
            .difference(&wanted.learners)
            .map(|id| id.get())
            .collect();
        if !unwanted.is_empty() {
            return Ok(Step::Change(ChangeMembers::RemoveNodes(unwanted)));
        }
        Ok(Step::Done)
    }

    /// Who of those that are to vote does not keep up, or has not said that it is a member like any other; and how much it
    /// lacks.
    fn furthest_behind<'a>(
        &self,
        rising: impl Iterator<Item = &'a ReplicaId>,
        followers: &[Follower],
        term: u64,
    ) -> Option<(ReplicaId, u64)> {
        let is_settled = |replica| self.shared.settled.is_settled(replica, term);
        let lag_of = |replica: ReplicaId| {
            let known = followers.iter().find(|one| one.replica == replica);
            match known {
                Some(one) if one.is_in_sync && is_settled(replica) => None,
                Some(one) => Some(one.lag),
                // It was added a moment ago, and has yet to be heard of.
                None => Some(self.shared.log.ends().end_index.get()),
            }
        };
        rising
            .copied()
            .filter(|replica| *replica != self.replica)
            .filter_map(|replica| Some((replica, lag_of(replica)?)))
            .max_by_key(|(_, lag)| *lag)
    }

    /// Who must keep up before these can be the voters: without it they are no quorum, and a replica that waits for a
    /// leader whom a quorum confirms, to be repaired or readmitted, would wait for itself.
    fn in_the_way<'a>(
        &self,
        voters: &BTreeSet<ReplicaId>,
        followers: &'a [Follower],
    ) -> Option<&'a Follower> {
        let others = || followers.iter().filter(|one| voters.contains(&one.replica));
        let own = usize::from(voters.contains(&self.replica));
        let able = own + others().filter(|one| one.is_in_sync).count();
        if able * 2 > voters.len() {
            return None;
        }
        others()
            .filter(|one| !one.is_in_sync)
            .max_by_key(|one| one.lag)
    }

    async fn change(&self, change: Change) -> Result<Reconfigured, ReconfigureError> {
        tracing::info!(log = %self.shared.log.path().display(), %change, "changing the members");
        // Voters that go become learners: they are dropped by a step of their own.
        let changed = self
            .instances
            .current()
            .change_membership(change, true)
            .await;
        match changed {
            Ok(_) => Ok(Reconfigured::Stepped),
            Err(error) => Err(change_error(error)),
        }
    }
}

fn change_error(error: RaftError<Types, ClientWriteError<Types>>) -> ReconfigureError {
    match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => {
            ReconfigureError::NotLeader {
                leader: forward.leader_id.map(ReplicaId::new),
            }
        }
        RaftError::APIError(ClientWriteError::LogEntryDiscarded(_)) => ReconfigureError::Unknown,
        RaftError::APIError(ClientWriteError::ChangeMembershipError(
            ChangeMembershipError::InProgress(_),
        )) => ReconfigureError::Busy,
        RaftError::APIError(error) => ReconfigureError::Refused {
            reason: error.to_string(),
        },
        RaftError::Fatal(_) => ReconfigureError::Unknown,
    }
}
