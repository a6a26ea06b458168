//! The way to the other replicas of a group, as openraft wants it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt};
use model::ReplicaId;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{Backoff, RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError,
    StreamAppendResult, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{AnyError, EmptyNode};

use super::pipeline::Pipeline;
use super::types::{RaftLogId, Snapshot, Types, Vote};
use super::wire;
use crate::group::Settled;
use crate::peer::{CallError, GroupId, PeerReply, PeerRequest, Peers, RequestKind};

/// How long a follower may take to answer an append: its disk may be slow, and a retry makes it no faster.
const APPEND_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a follower may take to install a snapshot.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(10);
/// The first and the longest wait before a replica that could not be reached is tried again. A try costs next to
/// nothing: the transport knows whether there is a way.
const BACKOFF_MIN: Duration = Duration::from_millis(10);
const BACKOFF_MAX: Duration = Duration::from_millis(320);

/// Makes the ways to one group's replicas.
pub(crate) struct Network {
    group: GroupId,
    peers: Arc<dyn Peers>,
    not_sent_below: Arc<AtomicU64>,
    settled: Arc<Settled>,
}

impl Network {
    /// Entries below `not_sent_below` are not sent: they are about to be deleted. What replicas say of themselves goes
    /// to `settled`.
    pub(crate) fn new(
        group: GroupId,
        peers: Arc<dyn Peers>,
        not_sent_below: Arc<AtomicU64>,
        settled: Arc<Settled>,
    ) -> Self {
        Self {
            group,
            peers,
            not_sent_below,
            settled,
        }
    }

    pub(super) fn client(&self, target: u64, appends: RequestKind) -> Client {
        Client {
            link: Link {
                group: self.group,
                peers: self.peers.clone(),
                to: ReplicaId::new(target),
                not_sent_below: self.not_sent_below.clone(),
                settled: self.settled.clone(),
                missed: Arc::default(),
            },
            appends,
            acknowledged: None,
        }
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Client;

    async fn new_client(&mut self, target: u64, _node: &EmptyNode) -> Client {
        self.client(target, RequestKind::Append)
    }

    async fn new_heartbeat_client(&mut self, target: u64, _node: &EmptyNode) -> Client {
        self.client(target, RequestKind::Heartbeat)
    }
}

/// One group's way to one replica.
#[derive(Clone)]
pub(super) struct Link {
    group: GroupId,
    peers: Arc<dyn Peers>,
    pub(super) to: ReplicaId,
    not_sent_below: Arc<AtomicU64>,
    pub(super) settled: Arc<Settled>,
    /// Behind the entry that the replica was last found to lack though it had acknowledged it.
    missed: Arc<AtomicU64>,
}

impl Link {
    /// The group, for people.
    pub(super) fn group(&self) -> GroupId {
        self.group
    }

    /// Takes note of an entry that the replica lacks though it had acknowledged it; whether that is news.
    pub(super) fn misses(&self, missing: RaftLogId) -> bool {
        let behind = missing.index + 1;
        self.missed.swap(behind, Ordering::Relaxed) != behind
    }

    pub(super) fn send(
        &self,
        kind: RequestKind,
        (head, entries): (Bytes, Vec<Bytes>),
        timeout: Duration,
    ) -> crate::peer::Called {
        let request = PeerRequest {
            group: self.group,
            kind,
            head,
            entries,
        };
        self.peers.call(self.to, request, timeout)
    }

    async fn ask(
        &self,
        kind: RequestKind,
        message: (Bytes, Vec<Bytes>),
        timeout: Duration,
    ) -> Result<PeerReply, Unreachable<Types>> {
        let called = async { self.send(kind, message, timeout).await?.await };
        called.await.map_err(unreachable)
    }

    pub(super) fn is_of_a_log(&self) -> bool {
        matches!(self.group, GroupId::Log { .. })
    }

    /// Whether an entry is about to be deleted: openraft waits with that until nobody is being sent it.
    pub(super) fn is_about_to_go(&self, index: u64) -> bool {
        index < self.not_sent_below.load(Ordering::Acquire)
    }

    pub(super) fn nonsense(&self, what: &str) -> Unreachable<Types> {
        let to = self.to;
        Unreachable::new(&AnyError::error(format!(
            "replica {to} answers {what} that makes no sense"
        )))
    }
}

/// Whatever went wrong, it is tried again after a while.
pub(super) fn unreachable(error: CallError) -> Unreachable<Types> {
    Unreachable::new(&error)
}

/// openraft's client of one replica, for one purpose.
pub(crate) struct Client {
    link: Link,
    appends: RequestKind,
    /// The newest entry that the replica has acknowledged to this client.
    acknowledged: Option<RaftLogId>,
}

impl RaftNetworkV2<Types> for Client {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        let input = futures_util::stream::iter([rpc]);
        let answer = self.stream_append(input, option).await?.next().await;
        match answer {
            Some(Ok(Ok(_))) => Ok(AppendEntriesResponse::Success),
            Some(Ok(Err(StreamAppendError::Conflict(_)))) => Ok(AppendEntriesResponse::Conflict),
            Some(Ok(Err(StreamAppendError::HigherVote(vote)))) => {
                Ok(AppendEntriesResponse::HigherVote(vote))
            }
            Some(Err(error)) => Err(error),
            None => Err(self.link.nonsense("nothing").into()),
        }
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<BoxStream<'s, Result<StreamAppendResult<Types>, RPCError<Types>>>, RPCError<Types>>,
    >
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + Send + Unpin + 'static,
    {
        let timeout = match self.appends {
            RequestKind::Heartbeat => option.hard_ttl(),
            _ => APPEND_TIMEOUT,
        };
        let link = self.link.clone();
        let pipeline = Pipeline::new(link, self.appends, timeout, input, &mut self.acknowledged);
        let answers: BoxStream<'s, _> = Box::pin(pipeline);
        async { Ok(answers) }.boxed()
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.ask_vote(RequestKind::Vote, rpc, option).await
    }

    // openraft's default grants every pre-vote.
    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.ask_vote(RequestKind::PreVote, rpc, option).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let head = wire::encode_snapshot(&vote, &snapshot.snapshot);
        let message = (head, vec![snapshot.snapshot]);
        let sent = self
            .link
            .ask(RequestKind::Snapshot, message, SNAPSHOT_TIMEOUT);
        let reply = tokio::select! {
            reply = sent => reply?,
            closed = cancel => return Err(closed.into()),
        };
        let installed = wire::decode_installed(&reply.head);
        Ok(installed.ok_or_else(|| self.link.nonsense("to a snapshot something"))?)
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let message = (wire::encode_transfer(&request), Vec::new());
        let sent = self
            .link
            .ask(RequestKind::TransferLeader, message, option.hard_ttl());
        let reply = sent.await?;
        let handed = wire::decode_handed(&reply.head);
        Ok(handed.ok_or_else(|| self.link.nonsense("to a handover something"))?)
    }

    fn backoff(&self) -> Option<Backoff> {
        let waits = std::iter::successors(Some(BACKOFF_MIN), |wait| {
            Some(wait.saturating_mul(2).min(BACKOFF_MAX))
        });
        Some(Backoff::new(waits))
    }
}

impl Client {
    async fn ask_vote(
        &self,
        kind: RequestKind,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let message = (wire::encode_ask(&request), Vec::new());
        let reply = self.link.ask(kind, message, option.hard_ttl()).await?;
        let asked = wire::decode_asked(&reply.head);
        Ok(asked.ok_or_else(|| self.link.nonsense("to a vote something"))?)
    }
}
