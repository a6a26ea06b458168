//! Each check, with an append that only it refuses.

use model::batch::{BatchBuilder, Codec};
use model::{LogIndex, Timestamp};

use super::super::types::{Committed, Vote};
use super::*;

const LEADER: u64 = 7;

fn id(term: u64, index: u64) -> RaftLogId {
    openraft::LogId {
        leader_id: Committed::new(term),
        index,
    }
}

fn records(offset: u64, term: u64) -> Batch {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push(Timestamp::from_millis(1), None, Some(b"value"), &[]);
    stamped(builder.build().unwrap(), offset, term)
}

fn internal(kind: ControlKind, payload: &[u8], offset: u64, term: u64) -> Batch {
    let batch = control::encode(kind, payload, Timestamp::from_millis(1));
    stamped(batch, offset, term)
}

fn stamped(mut batch: Batch, offset: u64, term: u64) -> Batch {
    batch.stamp(Offset::new(offset), Term::new(term).unwrap());
    batch
}

/// Entries 5, 6 and 7, behind entry 4 of term 2, from a leader in term 3.
fn append(batches: Vec<Batch>) -> Append {
    Append {
        vote: Vote::new_committed(3, LEADER),
        prev: Some(id(2, 4)),
        committed: None,
        batches,
    }
}

fn sound() -> Vec<Batch> {
    let blank = internal(ControlKind::Blank, &[], 10, 3);
    vec![records(9, 2), blank, records(10, 3)]
}

fn refusal(append: &Append) -> AppendRefusal {
    entries(append, LEADER).unwrap_err()
}

#[test]
fn a_sound_append_is_made_entries_of() {
    let found = entries(&append(sound()), LEADER).unwrap();
    let ids: Vec<_> = found.iter().map(|entry| entry.log_id).collect();
    assert_eq!(ids, [id(2, 5), id(3, 6), id(3, 7)]);
}

#[test]
fn an_append_that_is_not_of_the_leader_of_its_vote_is_refused() {
    let mut other = append(sound());
    assert!(matches!(
        entries(&other, LEADER + 1),
        Err(AppendRefusal::NotOfTheLeader { .. })
    ));
    other.vote = Vote::new(3, LEADER);
    assert!(matches!(
        refusal(&other),
        AppendRefusal::NotOfTheLeader { .. }
    ));
}

#[test]
fn a_flipped_bit_is_refused() {
    let mut batches = sound();
    let mut bytes = batches[2].to_bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    batches[2] = Batch::parse(bytes.into()).unwrap();
    assert!(matches!(
        refusal(&append(batches)),
        AppendRefusal::Unsound { index: 7, .. }
    ));
}

#[test]
fn a_term_that_goes_back_or_is_above_the_leaders_or_missing_is_refused() {
    let wrong = |at: usize, batch: Batch| {
        let mut batches = sound();
        batches[at] = batch;
        refusal(&append(batches))
    };
    for (at, term) in [(0, 1), (2, 2), (2, 4)] {
        let batch = records(if at == 0 { 9 } else { 10 }, term);
        assert!(matches!(wrong(at, batch), AppendRefusal::WrongTerm { .. }));
    }
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push(Timestamp::from_millis(1), None, Some(b"value"), &[]);
    let unstamped = append(vec![builder.build().unwrap()]);
    assert!(matches!(
        refusal(&unstamped),
        AppendRefusal::WrongTerm { found: None, .. }
    ));
}

#[test]
fn offsets_that_do_not_adjoin_are_refused() {
    let mut batches = sound();
    batches[2] = records(11, 3);
    assert_eq!(
        refusal(&append(batches)),
        AppendRefusal::WrongOffset {
            index: 7,
            expected: Offset::new(10),
            found: Offset::new(11)
        }
    );
}

#[test]
fn an_entry_of_ours_that_would_fail_when_applied_is_refused() {
    for kind in [
        ControlKind::LogStart,
        ControlKind::Answer,
        ControlKind::Membership,
    ] {
        let batches = vec![internal(kind, &[9], 9, 3)];
        assert!(
            matches!(
                refusal(&append(batches)),
                AppendRefusal::Senseless { index: 5, .. }
            ),
            "{kind:?}"
        );
    }
}

#[test]
fn more_entries_or_bytes_than_an_append_may_hold_are_refused() {
    let blanks = (0..=ENTRIES_MAX).map(|_| internal(ControlKind::Blank, &[], 9, 3));
    assert!(matches!(
        refusal(&append(blanks.collect())),
        AppendRefusal::TooLarge { .. }
    ));
    let large = vec![0; BYTES_MAX as usize];
    let command = internal(ControlKind::Command, &large, 9, 3);
    assert!(entries(&append(vec![command.clone()]), LEADER).is_ok());
    assert!(matches!(
        refusal(&append(vec![command.clone(), command])),
        AppendRefusal::TooLarge { .. }
    ));
}

/// A log with these terms, committed up to an index.
struct Terms(Vec<u64>, Option<u64>);

impl LocalLog for Terms {
    fn term_at(&self, index: LogIndex) -> Option<Term> {
        let term = self.0.get(index.get() as usize)?;
        Term::new(*term)
    }

    fn committed(&self) -> Option<RaftLogId> {
        let index = self.1?;
        Some(id(self.0[index as usize], index))
    }
}

fn junction_with(terms: &[u64], committed: Option<u64>) -> Result<Junction, AppendRefusal> {
    let append = append(sound());
    let entries = entries(&append, LEADER).unwrap();
    junction(&append, &entries, &Terms(terms.to_vec(), committed))
}

#[test]
fn the_first_entry_that_is_not_here_is_found() {
    assert_eq!(junction_with(&[1, 1, 1, 2, 2], None), Ok(Junction::At(0)));
    assert_eq!(
        junction_with(&[1, 1, 1, 2, 2, 2], Some(5)),
        Ok(Junction::At(1))
    );
    assert_eq!(
        junction_with(&[1, 1, 1, 2, 2, 2, 2], Some(5)),
        Ok(Junction::At(1))
    );
    let all = [1, 1, 1, 2, 2, 2, 3, 3];
    assert_eq!(junction_with(&all, None), Ok(Junction::Nothing));
    assert_eq!(junction_with(&[1, 1, 1, 2], None), Ok(Junction::Gap));
    assert_eq!(junction_with(&[1, 1, 1, 2, 1], None), Ok(Junction::Gap));
}

#[test]
fn what_would_cut_off_committed_entries_is_refused() {
    for (terms, index) in [(vec![1, 1, 1, 2, 1], 4), (vec![1, 1, 1, 2, 2, 1], 5)] {
        let committed = terms.len() as u64 - 1;
        assert_eq!(
            junction_with(&terms, Some(committed)),
            Err(AppendRefusal::ContradictsCommitted {
                index,
                found: 2,
                committed
            })
        );
    }
}
