//! The way to other replicas of a group, as openraft wants it.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{AnyError, EmptyNode};

use super::types::{Snapshot, Types, Vote};
use crate::peer::{GroupId, Peers};

/// Makes the ways to one group's replicas.
pub(crate) struct Network {
    group: GroupId,
    peers: Arc<dyn Peers>,
}

/// The way to one replica.
pub(crate) struct NoPeers {
    target: u64,
}

impl Network {
    pub(crate) fn new(group: GroupId, peers: Arc<dyn Peers>) -> Self {
        Self { group, peers }
    }
}

impl NoPeers {
    fn unreachable(&self) -> Unreachable<Types> {
        Unreachable::new(&AnyError::error(format!(
            "replica {} is on another broker, and brokers do not talk to each other yet",
            self.target
        )))
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = NoPeers;

    async fn new_client(&mut self, target: u64, _node: &EmptyNode) -> NoPeers {
        let _ = (self.group, &self.peers);
        NoPeers { target }
    }
}

impl RaftNetworkV2<Types> for NoPeers {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        _rpc: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        Err(RPCError::Unreachable(self.unreachable()))
    }

    async fn vote(
        &mut self,
        _rpc: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Err(RPCError::Unreachable(self.unreachable()))
    }

    // openraft's default grants every pre-vote.
    async fn pre_vote(
        &mut self,
        _rpc: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Err(RPCError::Unreachable(self.unreachable()))
    }

    async fn full_snapshot(
        &mut self,
        _vote: Vote,
        _snapshot: Snapshot,
        _cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        Err(StreamingError::Unreachable(self.unreachable()))
    }
}
