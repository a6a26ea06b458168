//! Votes, snapshots, handovers and forwarded commands: rare, each answered by a task of its own.

use std::sync::Arc;

use model::ReplicaId;
use openraft::errors::{Infallible, RaftError};

use crate::error::ProposeError;
use crate::group::Group;
use crate::peer::{GroupId, PeerReply, PeerRequest, ReplySlot, RequestKind};
use crate::raft::checkpoint::Position;
use crate::raft::machine::Machine;
use crate::raft::types::{Snapshot, Types, Vote};
use crate::raft::wire;
use crate::state_group::forward;

/// A candidate asks for a vote, or whether it would get one.
pub(super) async fn vote<M: Machine>(
    group: Arc<Group<M>>,
    from: ReplicaId,
    request: PeerRequest,
    reply: ReplySlot,
) {
    let asked = wire::decode_ask(&request.head);
    let Some(ask) = asked.filter(|ask| ask.vote.leader_id.voted_for == from.get()) else {
        return reply.refuse("the request for a vote makes no sense, or is not the sender's");
    };
    if ask.vote.committed {
        return reply.refuse("a candidate cannot ask under the vote of a leader");
    }
    // A replica without an entry cannot have been told that it votes, unless it has lost its memory.
    if group.shared.log.ends().last.is_none() {
        return reply.refuse("this replica holds nothing of the group yet and votes for nobody");
    }
    if group.shared.newcomer.is_new() {
        return reply
            .refuse("this replica is still catching up with the group and votes for nobody");
    }
    let raft = group.instances.current();
    let response = match request.kind {
        RequestKind::PreVote => raft.pre_vote(ask).await,
        _ => raft.vote(ask).await,
    };
    give(reply, response, |response| wire::encode_asked(&response));
}

/// A leader sends the snapshot, where the entries behind what this replica holds are gone.
pub(super) async fn snapshot<M: Machine>(
    group: Arc<Group<M>>,
    from: ReplicaId,
    request: PeerRequest,
    reply: ReplySlot,
) {
    let [bytes] = &request.entries[..] else {
        return reply.refuse("a snapshot is sent in one piece");
    };
    let vote = wire::decode_snapshot(&request.head, bytes);
    let Some(vote) = vote.filter(|vote| is_leader(vote, from)) else {
        return reply.refuse("the snapshot was damaged on its way, or is not the sender's");
    };
    let mut state = &bytes[..];
    let position = Position::decode(&mut state);
    let Some((position, last)) = position.and_then(|p| p.last.map(|last| (p, last))) else {
        return reply.refuse("the snapshot's position makes no sense");
    };
    if *last.leader_id > vote.leader_id.term || !M::makes_sense(state) {
        return reply.refuse("the snapshot makes no sense");
    }
    let applied = group.shared.applied.read().position.last;
    let committed = applied.max(*group.shared.committed.lock());
    // openraft asserts it, also in a release build.
    if committed.is_some_and(|here| last > here && last.index <= here.index) {
        return reply.refuse("the snapshot contradicts what is committed here");
    }
    let space = match group.shared.log.reserve(bytes.len() as u64) {
        Ok(space) => space,
        Err(full) => return reply.refuse(full.to_string()),
    };
    let snapshot = Snapshot {
        meta: position.meta(),
        snapshot: bytes.clone(),
    };
    let raft = group.instances.current();
    let installed = raft.install_full_snapshot(vote, snapshot).await;
    drop(space);
    // openraft answers a snapshot that comes again while it is still being stored as if it were installed. The leader
    // would count on it, and make a voter of a replica that may yet fail to store it.
    let follows = installed
        .as_ref()
        .is_ok_and(|response| response.vote <= vote);
    if follows && group.shared.applied.read().position.last < Some(last) {
        return reply.refuse("the snapshot is still being installed");
    }
    match installed {
        Ok(response) => reply.answer(PeerReply::of_head(wire::encode_installed(&response))),
        Err(error) => reply.refuse(error.to_string()),
    }
}

/// A leader asks to be succeeded, by this replica or by another.
pub(super) async fn transfer<M: Machine>(
    group: Arc<Group<M>>,
    from: ReplicaId,
    request: PeerRequest,
    reply: ReplySlot,
) {
    let asked = wire::decode_transfer(&request.head);
    let Some(ask) = asked.filter(|ask| is_leader(ask.from_leader(), from)) else {
        return reply.refuse("the handover makes no sense, or is not the sender's");
    };
    if group.shared.newcomer.is_new() {
        return reply.refuse("this replica is still catching up with the group and cannot lead it");
    }
    let raft = group.instances.current();
    match raft.handle_transfer_leader(ask).await {
        Ok(response) => reply.answer(PeerReply::of_head(wire::encode_handed(&response))),
        Err(error) => reply.refuse(error.to_string()),
    }
}

/// A command for a state group: beside the head from a member where the leader is not, and then only a leader takes it;
/// in the head from a broker that is no member yet, and then any member sees to it.
pub(super) async fn propose<M: Machine>(
    group: Arc<Group<M>>,
    request: PeerRequest,
    reply: ReplySlot,
) {
    if !matches!(request.group, GroupId::State(_)) {
        return reply.refuse("only a state group takes commands");
    }
    match &request.entries[..] {
        [] => match group.propose_anywhere(request.head).await {
            Ok(answer) => reply.answer(PeerReply::of_head(answer)),
            // Dropped, the slot says that nobody knows.
            Err(ProposeError::Unknown) => {}
            Err(error) => reply.refuse(error.to_string()),
        },
        [command] => match group.propose_command(command.clone()).await {
            Err(error @ (ProposeError::NoSpace(_) | ProposeError::Stopped { .. })) => {
                reply.refuse(error.to_string());
            }
            outcome => reply.answer(forward::encode(outcome)),
        },
        _ => reply.refuse("commands are taken one at a time"),
    }
}

fn is_leader(vote: &Vote, from: ReplicaId) -> bool {
    vote.committed && vote.leader_id.voted_for == from.get()
}

fn give<R>(
    reply: ReplySlot,
    response: Result<R, RaftError<Types, Infallible>>,
    encode: impl FnOnce(R) -> bytes::Bytes,
) {
    match response {
        Ok(response) => reply.answer(PeerReply::of_head(encode(response))),
        Err(error) => reply.refuse(error.to_string()),
    }
}
