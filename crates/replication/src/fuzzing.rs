//! For the fuzz targets only: the decoders of what this crate stores, which are otherwise private.

use bytes::{Bytes, BytesMut};
use model::LogIndex;
use model::batch::Batch;

use crate::answer::{self, ProduceOutcome};
use crate::producers::{Producers, Verdict};
use crate::raft::apply::Applied;
use crate::raft::checkpoint::Position;
use crate::raft::machine::{Commands, Machine, Partition};
use crate::raft::proposal::LogStart;
use crate::raft::{check, entry, membership, votes, wire};
use crate::state_group::StateMachine;

/// Decodes the bytes as each thing that is stored in an entry, in the votes or in a snapshot; what decodes must
/// encode to something that decodes the same. Says how many did.
///
/// # Panics
/// If a round trip is not one.
pub fn decoders(bytes: &[u8]) -> usize {
    let mut sound = usize::from(votes::is_sound(bytes)) + wire::sound(bytes);
    sound += crate::repair::sound(bytes);
    if let Some(start) = LogStart::decode(bytes) {
        assert_eq!(LogStart::decode(&start.encode()), Some(start));
        sound += 1;
    }
    if let Some(outcome) = answer::decode(bytes) {
        let verdict = match outcome.clone() {
            ProduceOutcome::Duplicate { base_offset } => Some(Verdict::Duplicate { base_offset }),
            ProduceOutcome::Refused(refusal) => Some(Verdict::Refuse(refusal)),
            _ => None,
        };
        let again = verdict.and_then(|verdict| answer::decode(&answer::encode(&verdict)));
        assert_eq!(again, Some(outcome));
        sound += 1;
    }
    if let Some(members) = membership::decode(&mut &bytes[..]) {
        let again = membership::decode(&mut &membership::encode(&members)[..]);
        assert_eq!(again, Some(members));
        sound += 1;
    }
    if let Some(producers) = Producers::decode(&mut &bytes[..]) {
        let mut again = BytesMut::new();
        producers.encode(&mut again);
        assert_eq!(Producers::decode(&mut &again[..]), Some(producers));
        sound += 1;
    }
    if let Some(position) = Position::decode(&mut &bytes[..]) {
        let mut again = BytesMut::new();
        position.encode(&mut again);
        assert_eq!(Position::decode(&mut &again[..]), Some(position));
        sound += 1;
    }
    sound
}

/// Takes the bytes for an append as it travels, its head first and each record block behind the last, and judges it.
/// Says how many entries it would hand to Raft.
pub fn append(bytes: &[u8], head_bytes: usize) -> usize {
    let mut rest = Bytes::copy_from_slice(bytes);
    let head = rest.split_to(head_bytes.min(bytes.len()));
    let mut blocks = Vec::new();
    while let Some(length) = rest.first() {
        let length = usize::from(*length).min(rest.len() - 1);
        blocks.push(rest.slice(1..1 + length));
        rest = rest.slice(1 + length..);
    }
    let Some(append) = wire::Append::decode(head, blocks) else {
        return 0;
    };
    let from = append.vote.leader_id.voted_for;
    check::entries(&append, from).map_or(0, |entries| entries.len())
}

/// Restores a partition from a checkpoint or snapshot in these bytes. Says whether it could.
///
/// # Panics
/// If the state that was restored does not restore the same.
pub fn partition_snapshot(bytes: &[u8]) -> bool {
    snapshot(bytes, Partition::default)
}

/// As [`partition_snapshot`], of a state group.
///
/// # Panics
/// As there.
pub fn state_snapshot<M: StateMachine>(bytes: &[u8], machine: impl Fn() -> M) -> bool {
    snapshot(bytes, || Commands(machine()))
}

fn snapshot<M: Machine>(bytes: &[u8], machine: impl Fn() -> M) -> bool {
    let mut restored = Applied::new(machine());
    if restored.restore(bytes).is_err() {
        assert_eq!(restored.position, Position::default(), "as it was");
        return false;
    }
    let stored = restored.encode();
    let mut again = Applied::new(machine());
    assert_eq!(again.restore(&stored), Ok(()));
    assert_eq!(again.position, restored.position);
    assert_eq!(again.encode(), stored);
    true
}

/// Applies the bytes, batches one behind the other, to a partition and to a state group, as a log's entries. Says how
/// many made sense to both.
pub fn entries<M: StateMachine>(bytes: &[u8], machine: M) -> usize {
    let mut rest = Bytes::copy_from_slice(bytes);
    let mut partition = Applied::new(Partition::default());
    let mut state = Applied::new(Commands(machine));
    let mut index = LogIndex::ZERO;
    let mut sound = 0;
    while let Ok(batch) = Batch::split_off(&mut rest) {
        if let Ok(entry) = entry::from_batch(index, batch) {
            let applied = [partition.apply(&entry), state.apply(&entry)];
            sound += usize::from(applied.iter().all(Result::is_ok));
        }
        index = index.next();
    }
    partition_snapshot(&partition.encode());
    sound
}
