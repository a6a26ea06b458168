//! Layouts: golden bytes, round trips, cuts.

use model::batch::{BatchBuilder, Codec};
use model::{Offset, Timestamp};

use super::*;
use crate::raft::types::Committed;

fn id(term: u64, index: u64) -> RaftLogId {
    openraft::LogId {
        leader_id: Committed::new(term),
        index,
    }
}

fn batch(offset: u64, text: &str) -> Batch {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push(Timestamp::from_millis(1), None, Some(text.as_bytes()), &[]);
    let mut batch = builder.build().unwrap();
    batch.stamp(Offset::new(offset), Term::new(3).unwrap());
    batch
}

fn append() -> Append {
    Append {
        vote: Vote::new_committed(3, 7),
        prev: Some(id(2, 8)),
        committed: None,
        batches: vec![batch(5, "a"), batch(6, "longer")],
    }
}

#[test]
fn an_append_has_these_bytes_and_reads_back() {
    let append = append();
    let (head, records) = append.encode();
    let mut golden = vec![1];
    golden.extend([0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 7, 1]);
    golden.extend([1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 8]);
    golden.extend([0, 0, 0, 0, 2]);
    for batch in &append.batches {
        golden.extend(batch.header().as_bytes());
    }
    assert_eq!(head, golden);
    let blocks: Vec<_> = append.batches.iter().map(|b| b.records().clone()).collect();
    assert_eq!(records, blocks);
    assert_eq!(Append::decode(head, records), Some(append));
}

#[test]
fn an_append_that_is_cut_or_lacks_a_block_is_refused() {
    let (head, records) = append().encode();
    for cut in 0..head.len() {
        assert_eq!(Append::decode(head.slice(..cut), records.clone()), None);
    }
    assert_eq!(Append::decode(head.clone(), records[..1].to_vec()), None);
    let mut shorter = records.clone();
    shorter[1] = shorter[1].slice(1..);
    assert_eq!(Append::decode(head.clone(), shorter), None);
    let swapped = vec![records[1].clone(), records[0].clone()];
    assert_eq!(Append::decode(head, swapped), None);
}

/// Golden bytes, and that no cut, and nothing behind, is taken for the message.
fn assert_layout<T: std::fmt::Debug + PartialEq>(
    message: T,
    encode: impl Fn(&T) -> Bytes,
    decode: impl Fn(&[u8]) -> Option<T>,
    golden: &[u8],
) {
    let bytes = encode(&message);
    assert_eq!(bytes, golden, "{message:?}");
    assert_eq!(decode(&bytes), Some(message));
    assert!((0..bytes.len()).all(|cut| decode(&bytes[..cut]).is_none()));
    assert_eq!(decode(&[&bytes[..], &[0]].concat()), None);
    assert_eq!(
        decode(&[&[2], &bytes[1..]].concat()),
        None,
        "another version"
    );
}

const VOTE_4_2: [u8; 17] = [0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2, 0];
const LEADER_4_2: [u8; 17] = [0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2, 1];
const ID_3_9: [u8; 17] = [1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9];

#[test]
fn votes_have_these_bytes() {
    let mut ask = VoteRequest::new(Vote::new(4, 2), Some(id(3, 9)));
    ask.leadership_transfer = true;
    let golden = [&[1][..], &VOTE_4_2, &ID_3_9, &[1]].concat();
    assert_layout(ask, encode_ask, decode_ask, &golden);
    let asked = VoteResponse::new(Vote::new_committed(4, 2), None, true);
    let golden = [&[1][..], &LEADER_4_2, &[1, 0]].concat();
    assert_layout(asked, encode_asked, decode_asked, &golden);
}

#[test]
fn answers_to_appends_have_these_bytes() {
    let check = |is_settled, result, golden: &[u8]| {
        let appended = Appended { is_settled, result };
        assert_layout(appended, encode_appended, decode_appended, golden);
    };
    check(
        true,
        Ok(Some(id(3, 9))),
        &[&[1, 1, 0][..], &ID_3_9].concat(),
    );
    check(false, Ok(None), &[1, 0, 0, 0]);
    let conflict = Err(StreamAppendError::Conflict(id(3, 9)));
    check(true, conflict, &[&[1, 1, 1][..], &ID_3_9].concat());
    let higher = Err(StreamAppendError::HigherVote(Vote::new(4, 2)));
    check(true, higher, &[&[1, 1, 2][..], &VOTE_4_2].concat());
}

#[test]
fn snapshots_and_handovers_have_these_bytes() {
    let vote = Vote::new_committed(4, 2);
    let checksum = crc32fast::hash(b"state").to_be_bytes();
    let golden = [&[1][..], &LEADER_4_2, &checksum].concat();
    let encode = |vote: &Vote| encode_snapshot(vote, b"state");
    assert_layout(
        vote,
        encode,
        |bytes| decode_snapshot(bytes, b"state"),
        &golden,
    );
    assert_eq!(decode_snapshot(&golden, b"stale"), None);
    let golden = [&[1][..], &LEADER_4_2].concat();
    let installed = SnapshotResponse::new(vote);
    assert_layout(installed, encode_installed, decode_installed, &golden);
    let transfer = TransferLeaderRequest::new(vote, 5, Some(id(3, 9)));
    let golden = [&[1][..], &LEADER_4_2, &[0, 0, 0, 0, 0, 0, 0, 5], &ID_3_9].concat();
    assert_layout(transfer, encode_transfer, decode_transfer, &golden);
    assert_layout(Ok(()), encode_handed, decode_handed, &[1, 0]);
    let changed = Err(TransferLeaderError::VoteChanged {
        expected: vote,
        actual: Vote::new(4, 2),
    });
    let golden = [&[1, 1][..], &LEADER_4_2, &VOTE_4_2].concat();
    assert_layout(changed, encode_handed, decode_handed, &golden);
    let behind = Err(TransferLeaderError::LogNotFlushed {
        expected: Some(id(3, 9)),
        actual: None,
    });
    let golden = [&[1, 2][..], &ID_3_9, &[0]].concat();
    assert_layout(behind, encode_handed, decode_handed, &golden);
}

#[test]
fn a_term_that_no_batch_can_hold_is_refused() {
    let most = u64::from(i32::MAX as u32);
    let ask = |term, last| encode_ask(&VoteRequest::new(Vote::new(term, 1), Some(id(last, 1))));
    assert!(decode_ask(&ask(most, most)).is_some());
    assert_eq!(decode_ask(&ask(most + 1, 1)), None);
    assert_eq!(decode_ask(&ask(1, most + 1)), None);
}
