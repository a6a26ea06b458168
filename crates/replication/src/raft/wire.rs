//! What Raft's messages look like between brokers: the heads of requests and replies.
//!
//! ```text
//! vote      u64 term, u64 candidate, u8 1 if a quorum granted it
//! id        u8 0, or u8 1, u64 term, u64 index
//!
//! append    u8 version, vote, id of the entry before, id of the last committed, u32 entries, then the header of each
//!           (61 bytes); their record blocks travel beside the head, one by one
//! ask       u8 version, vote, id of the last entry, u8 1 if the leader hands over
//! snapshot  u8 version, vote, u32 CRC-32 of the snapshot, which travels beside the head
//! transfer  u8 version, vote, u64 the next leader, id of the last entry
//!
//! appended  u8 version, u8 1 if the replica is no newcomer, then u8 0, id up to which the logs match | u8 1, id that is not there | u8 2, the higher vote
//! asked     u8 version, vote, u8 1 if granted, id of the last entry
//! installed u8 version, vote
//! handed    u8 version, then u8 0 | u8 1, vote expected, vote found | u8 2, id expected, id flushed
//! ```
//! Terms above what a batch can hold are refused here: to save one would stop the group.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::Term;
use model::batch::{Batch, HEADER_BYTES};
use openraft::raft::{
    SnapshotResponse, StreamAppendError, StreamAppendResult, TransferLeaderError,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};

use super::checkpoint::{get_id, put_id};
use super::types::{RaftLogId, Types, Vote};

const VERSION: u8 = 1;
/// A vote's bytes.
const VOTE_BYTES: usize = 17;
/// An append's bytes without headers, at most.
const APPEND_BYTES_MAX: usize = 1 + VOTE_BYTES + 2 * 17 + 4;

/// AppendEntries as it travels. The CRCs of the batches are not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Append {
    pub(crate) vote: Vote,
    pub(crate) prev: Option<RaftLogId>,
    pub(crate) committed: Option<RaftLogId>,
    pub(crate) batches: Vec<Batch>,
}

impl Append {
    /// The head, and the record blocks.
    pub(crate) fn encode(&self) -> (Bytes, Vec<Bytes>) {
        let size = APPEND_BYTES_MAX + self.batches.len() * HEADER_BYTES;
        let mut head = BytesMut::with_capacity(size);
        head.put_u8(VERSION);
        put_vote(&mut head, &self.vote);
        put_id(&mut head, self.prev);
        put_id(&mut head, self.committed);
        head.put_u32(u32::try_from(self.batches.len()).unwrap_or(u32::MAX));
        for batch in &self.batches {
            head.put_slice(batch.header().as_bytes());
        }
        let records = self.batches.iter().map(|batch| batch.records().clone());
        (head.freeze(), records.collect())
    }

    pub(crate) fn decode(mut head: Bytes, records: Vec<Bytes>) -> Option<Self> {
        version(&mut head)?;
        let vote = get_vote(&mut head)?;
        let (prev, committed) = (get_sound_id(&mut head)?, get_sound_id(&mut head)?);
        let count = usize::try_from(head.try_get_u32().ok()?).ok()?;
        if count != records.len() || head.len() != count.checked_mul(HEADER_BYTES)? {
            return None;
        }
        let headers = head.chunks_exact(HEADER_BYTES);
        let batches = headers
            .zip(records)
            .map(|(header, records)| Batch::join(header, records).ok());
        Some(Self {
            vote,
            prev,
            committed,
            batches: batches.collect::<Option<_>>()?,
        })
    }
}

/// The answer to an append.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Appended {
    /// Whether the replica is a member like any other, and no newcomer.
    pub(crate) is_settled: bool,
    pub(crate) result: StreamAppendResult<Types>,
}

pub(crate) fn encode_appended(appended: &Appended) -> Bytes {
    let mut bytes = BytesMut::with_capacity(3 + VOTE_BYTES);
    bytes.put_u8(VERSION);
    bytes.put_u8(u8::from(appended.is_settled));
    match &appended.result {
        Ok(matched) => {
            bytes.put_u8(0);
            put_id(&mut bytes, *matched);
        }
        Err(StreamAppendError::Conflict(missing)) => {
            bytes.put_u8(1);
            put_id(&mut bytes, Some(*missing));
        }
        Err(StreamAppendError::HigherVote(vote)) => {
            bytes.put_u8(2);
            put_vote(&mut bytes, vote);
        }
    }
    bytes.freeze()
}

pub(crate) fn decode_appended(mut bytes: &[u8]) -> Option<Appended> {
    version(&mut bytes)?;
    let is_settled = get_flag(&mut bytes)?;
    let result = match bytes.try_get_u8().ok()? {
        0 => Ok(get_sound_id(&mut bytes)?),
        1 => Err(StreamAppendError::Conflict(get_sound_id(&mut bytes)??)),
        2 => Err(StreamAppendError::HigherVote(get_vote(&mut bytes)?)),
        _ => return None,
    };
    bytes.is_empty().then_some(Appended { is_settled, result })
}

pub(crate) fn encode_ask(request: &VoteRequest<Types>) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(VERSION);
    put_vote(&mut bytes, &request.vote);
    put_id(&mut bytes, request.last_log_id);
    bytes.put_u8(u8::from(request.leadership_transfer));
    bytes.freeze()
}

pub(crate) fn decode_ask(mut bytes: &[u8]) -> Option<VoteRequest<Types>> {
    version(&mut bytes)?;
    let mut request = VoteRequest::new(get_vote(&mut bytes)?, get_sound_id(&mut bytes)?);
    request.leadership_transfer = get_flag(&mut bytes)?;
    bytes.is_empty().then_some(request)
}

pub(crate) fn encode_asked(response: &VoteResponse<Types>) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(VERSION);
    put_vote(&mut bytes, &response.vote);
    bytes.put_u8(u8::from(response.vote_granted));
    put_id(&mut bytes, response.last_log_id);
    bytes.freeze()
}

pub(crate) fn decode_asked(mut bytes: &[u8]) -> Option<VoteResponse<Types>> {
    version(&mut bytes)?;
    let vote = get_vote(&mut bytes)?;
    let granted = get_flag(&mut bytes)?;
    let last = get_sound_id(&mut bytes)?;
    bytes
        .is_empty()
        .then(|| VoteResponse::new(vote, last, granted))
}

pub(crate) fn encode_snapshot(vote: &Vote, snapshot: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(VERSION);
    put_vote(&mut bytes, vote);
    bytes.put_u32(crc32fast::hash(snapshot));
    bytes.freeze()
}

/// The vote under which a snapshot is sent; `None` also where the snapshot is not the one that was sent.
pub(crate) fn decode_snapshot(mut bytes: &[u8], snapshot: &[u8]) -> Option<Vote> {
    version(&mut bytes)?;
    let vote = get_vote(&mut bytes)?;
    let checksum = bytes.try_get_u32().ok()?;
    (bytes.is_empty() && checksum == crc32fast::hash(snapshot)).then_some(vote)
}

pub(crate) fn encode_installed(response: &SnapshotResponse<Types>) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(VERSION);
    put_vote(&mut bytes, &response.vote);
    bytes.freeze()
}

pub(crate) fn decode_installed(mut bytes: &[u8]) -> Option<SnapshotResponse<Types>> {
    version(&mut bytes)?;
    let vote = get_vote(&mut bytes)?;
    bytes.is_empty().then(|| SnapshotResponse::new(vote))
}

pub(crate) fn encode_transfer(request: &TransferLeaderRequest<Types>) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(VERSION);
    put_vote(&mut bytes, request.from_leader());
    bytes.put_u64(*request.to_node_id());
    put_id(&mut bytes, request.last_log_id().copied());
    bytes.freeze()
}

pub(crate) fn decode_transfer(mut bytes: &[u8]) -> Option<TransferLeaderRequest<Types>> {
    version(&mut bytes)?;
    let from = get_vote(&mut bytes)?;
    let to = bytes.try_get_u64().ok()?;
    let last = get_sound_id(&mut bytes)?;
    bytes
        .is_empty()
        .then(|| TransferLeaderRequest::new(from, to, last))
}

pub(crate) fn encode_handed(response: &TransferLeaderResponse<Types>) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(VERSION);
    match response {
        Ok(()) => bytes.put_u8(0),
        Err(TransferLeaderError::VoteChanged { expected, actual }) => {
            bytes.put_u8(1);
            put_vote(&mut bytes, expected);
            put_vote(&mut bytes, actual);
        }
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            bytes.put_u8(2);
            put_id(&mut bytes, *expected);
            put_id(&mut bytes, *actual);
        }
    }
    bytes.freeze()
}

pub(crate) fn decode_handed(mut bytes: &[u8]) -> Option<TransferLeaderResponse<Types>> {
    version(&mut bytes)?;
    let response = match bytes.try_get_u8().ok()? {
        0 => Ok(()),
        1 => Err(TransferLeaderError::VoteChanged {
            expected: get_vote(&mut bytes)?,
            actual: get_vote(&mut bytes)?,
        }),
        2 => Err(TransferLeaderError::LogNotFlushed {
            expected: get_sound_id(&mut bytes)?,
            actual: get_sound_id(&mut bytes)?,
        }),
        _ => return None,
    };
    bytes.is_empty().then_some(response)
}

fn version(bytes: &mut impl Buf) -> Option<()> {
    (bytes.try_get_u8().ok()? == VERSION).then_some(())
}

fn put_vote(bytes: &mut BytesMut, vote: &Vote) {
    bytes.put_u64(vote.leader_id.term);
    bytes.put_u64(vote.leader_id.voted_for);
    bytes.put_u8(u8::from(vote.committed));
}

fn get_vote(bytes: &mut impl Buf) -> Option<Vote> {
    let term = bytes.try_get_u64().ok()?;
    let candidate = bytes.try_get_u64().ok()?;
    Term::new(term)?;
    Some(match get_flag(bytes)? {
        true => Vote::new_committed(term, candidate),
        false => Vote::new(term, candidate),
    })
}

fn get_sound_id(bytes: &mut impl Buf) -> Option<Option<RaftLogId>> {
    let id = get_id(bytes)?;
    if let Some(id) = id {
        Term::new(*id.leader_id)?;
    }
    Some(id)
}

fn get_flag(bytes: &mut impl Buf) -> Option<bool> {
    match bytes.try_get_u8().ok()? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// For the fuzz targets: how many kinds of message the bytes are. Each must encode to the same bytes.
pub(crate) fn sound(bytes: &[u8]) -> usize {
    let again = [
        Append::decode(Bytes::copy_from_slice(bytes), Vec::new()).map(|append| append.encode().0),
        decode_appended(bytes).map(|appended| encode_appended(&appended)),
        decode_ask(bytes).map(|request| encode_ask(&request)),
        decode_asked(bytes).map(|response| encode_asked(&response)),
        decode_snapshot(bytes, &[]).map(|vote| encode_snapshot(&vote, &[])),
        decode_installed(bytes).map(|response| encode_installed(&response)),
        decode_transfer(bytes).map(|request| encode_transfer(&request)),
        decode_handed(bytes).map(|response| encode_handed(&response)),
    ];
    let sound = again.into_iter().flatten();
    sound.inspect(|again| assert_eq!(again, bytes)).count()
}

#[cfg(test)]
mod tests;
