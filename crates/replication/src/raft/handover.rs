//! Leadership handed on by a leader whose disk has failed. openraft cannot: to it a failed append is the end, and with
//! appends under way the end comes at once. So what it would send is sent for it: who is to lead next, and to all
//! others that they need not wait for this leader any more.

use std::time::Duration;

use futures_util::future::join_all;
use model::ReplicaId;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::network::{RPCOption, RaftNetworkV2};
use openraft::raft::TransferLeaderRequest;

use super::machine::Machine;
use super::network::Network;
use super::types::{RaftLogId, Vote};
use crate::group::Instance;
use crate::peer::RequestKind;

/// Who is to lead next.
pub(crate) struct Handover {
    vote: Vote,
    heir: u64,
    /// The last entry that the heir is known to have.
    matched: Option<RaftLogId>,
    voters: Vec<u64>,
}

impl Handover {
    /// To the voter with the longest log, as far as the instance knew; `None` where it led nobody.
    pub(crate) fn of<M: Machine>(raft: &Instance<M>, replica: ReplicaId) -> Option<Self> {
        let metrics = raft.data_metrics();
        let metrics = metrics.borrow_watched();
        let known = raft.server_metrics().borrow_watched().vote;
        if known.leader_id.voted_for != replica.get() {
            return None;
        }
        let mut voters: Vec<u64> = raft.voter_ids().collect();
        voters.retain(|voter| *voter != replica.get());
        let followers = metrics.replication.as_ref()?.iter();
        let others = followers.filter(|(id, _)| voters.contains(id));
        let (heir, matched) = others.max_by_key(|(_, matched)| **matched)?;
        Some(Self {
            vote: Vote::new_committed(known.leader_id.term, replica.get()),
            heir: *heir,
            matched: *matched,
            voters,
        })
    }

    /// The replica that is to lead.
    pub(crate) fn heir(&self) -> ReplicaId {
        ReplicaId::new(self.heir)
    }

    /// Tells all of them, and waits until those that can be reached have heard it.
    pub(crate) async fn send(self, network: &Network, timeout: Duration) {
        let request = TransferLeaderRequest::new(self.vote, self.heir, self.matched);
        let told = self.voters.into_iter().map(|voter| {
            let mut client = network.client(voter, RequestKind::Append);
            let (request, option) = (request.clone(), RPCOption::new(timeout));
            async move { client.transfer_leader(request, option).await }
        });
        for heard in join_all(told).await {
            if let Err(error) = heard {
                tracing::debug!(%error, "a voter has not heard of the handover");
            }
        }
    }
}
