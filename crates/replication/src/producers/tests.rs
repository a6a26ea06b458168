use model::batch::{Batch, BatchBuilder, Codec};
use model::{Term, Timestamp};

use super::*;

fn batch(id: u64, epoch: i16, sequence: i32, records: u32, at: u64) -> BatchHeader {
    let stamp = ProducerStamp {
        id: ProducerId::new(id),
        epoch,
        base_sequence: sequence,
    };
    let mut builder = BatchBuilder::new(Codec::None).with_producer(stamp);
    for _ in 0..records {
        builder.push(Timestamp::from_millis(-1), None, Some(b"v"), &[]);
    }
    let mut batch: Batch = builder.build().unwrap();
    batch.stamp(Offset::new(at), Term::new(1).unwrap());
    *batch.header()
}

fn after(headers: &[BatchHeader]) -> Producers {
    let mut producers = Producers::default();
    headers.iter().for_each(|header| producers.record(header));
    producers
}

#[test]
fn an_unknown_producer_may_start_anywhere() {
    let producers = Producers::default();
    assert_eq!(producers.judge(&batch(7, 0, 40, 1, 0)), Verdict::Append);
}

#[test]
fn the_last_five_batches_are_answered_with_their_offsets_and_older_ones_refused() {
    let sent: Vec<_> = (0..6)
        .map(|n| batch(7, 0, n * 2, 2, n as u64 * 2))
        .collect();
    let producers = after(&sent);
    for header in &sent[1..] {
        assert_eq!(
            producers.judge(header),
            Verdict::Duplicate {
                base_offset: header.base_offset()
            }
        );
    }
    assert!(matches!(
        producers.judge(&sent[0]),
        Verdict::Refuse(ProduceRefusal::DuplicateSequence {
            expected: 12,
            found: 0,
            ..
        })
    ));
}

#[test]
fn a_gap_is_refused_and_the_next_sequence_taken() {
    let producers = after(&[batch(7, 0, 0, 3, 0)]);
    assert!(matches!(
        producers.judge(&batch(7, 0, 4, 1, 0)),
        Verdict::Refuse(ProduceRefusal::OutOfOrderSequence {
            expected: 3,
            found: 4,
            ..
        })
    ));
    assert_eq!(producers.judge(&batch(7, 0, 3, 1, 0)), Verdict::Append);
}

#[test]
fn an_old_epoch_is_fenced_and_a_new_one_starts_at_zero() {
    let producers = after(&[batch(7, 2, 0, 1, 0)]);
    assert!(matches!(
        producers.judge(&batch(7, 1, 1, 1, 0)),
        Verdict::Refuse(ProduceRefusal::Fenced {
            current_epoch: 2,
            found: 1,
            ..
        })
    ));
    assert_eq!(producers.judge(&batch(7, 3, 0, 1, 0)), Verdict::Append);
    assert!(matches!(
        producers.judge(&batch(7, 3, 1, 1, 0)),
        Verdict::Refuse(ProduceRefusal::OutOfOrderSequence { expected: 0, .. })
    ));
}

#[test]
fn sequences_wrap_behind_the_largest() {
    let producers = after(&[batch(7, 0, i32::MAX - 1, 3, 0)]);
    assert_eq!(producers.judge(&batch(7, 0, 1, 1, 0)), Verdict::Append);
    assert!(matches!(
        producers.judge(&batch(7, 0, i32::MAX - 1, 3, 0)),
        Verdict::Duplicate { .. }
    ));
}

#[test]
fn the_silent_are_forgotten_by_where_they_stand_in_the_log_and_by_number() {
    let mut producers = after(&[batch(1, 0, 0, 1, 10), batch(2, 0, 0, 1, 20)]);
    assert!(!producers.any_below(Offset::new(10)));
    assert!(producers.any_below(Offset::new(11)));
    producers.expire(Offset::new(20));
    assert_eq!(producers.0.keys().copied().collect::<Vec<_>>(), [2]);
    for id in 0..PRODUCERS_MAX as u64 + 1 {
        producers.record(&batch(100 + id, 0, 0, 1, 1000 + id));
    }
    assert!(producers.0.len() <= PRODUCERS_MAX);
    assert!(!producers.0.contains_key(&2));
}

#[test]
fn whoever_goes_on_is_not_silent_however_long_ago_it_began() {
    let mut producers = after(&[
        batch(1, 0, 0, 1, 0),
        batch(2, 0, 0, 1, 1),
        batch(1, 0, 1, 1, 2),
    ]);
    producers.expire(Offset::new(2));
    assert!(matches!(
        producers.judge(&batch(1, 0, 0, 1, 9)),
        Verdict::Duplicate { base_offset } if base_offset == Offset::ZERO
    ));
    assert_eq!(producers.judge(&batch(2, 0, 7, 1, 9)), Verdict::Append);
}

#[test]
fn a_retry_cut_otherwise_than_before_is_refused_and_never_half_written() {
    let producers = after(&[batch(7, 0, 0, 4, 0), batch(7, 0, 4, 4, 4)]);
    for (sequence, records) in [(0, 8), (2, 2), (4, 5), (7, 1), (0, 3)] {
        let verdict = producers.judge(&batch(7, 0, sequence, records, 8));
        assert!(
            matches!(
                verdict,
                Verdict::Refuse(ProduceRefusal::DuplicateSequence { expected: 8, .. })
            ),
            "{sequence}, {records}: {verdict:?}"
        );
    }
}

#[test]
fn a_duplicate_of_an_older_epoch_is_fenced_not_answered() {
    let old = batch(7, 0, 0, 1, 0);
    let producers = after(&[old, batch(7, 1, 0, 1, 1)]);
    assert!(matches!(
        producers.judge(&old),
        Verdict::Refuse(ProduceRefusal::Fenced { .. })
    ));
    // The new epoch counts from 0 again: its own first batch is known.
    assert_eq!(
        producers.judge(&batch(7, 1, 0, 1, 2)),
        Verdict::Duplicate {
            base_offset: Offset::new(1)
        }
    );
}

#[test]
fn a_gap_across_the_wrap_is_a_gap_and_a_duplicate_across_it_a_duplicate() {
    let producers = after(&[batch(7, 0, i32::MAX, 1, 0)]);
    assert_eq!(producers.judge(&batch(7, 0, 0, 1, 1)), Verdict::Append);
    assert!(matches!(
        producers.judge(&batch(7, 0, 1, 1, 1)),
        Verdict::Refuse(ProduceRefusal::OutOfOrderSequence {
            expected: 0,
            found: 1,
            ..
        })
    ));
    assert!(matches!(
        producers.judge(&batch(7, 0, i32::MAX - 3, 1, 1)),
        Verdict::Refuse(ProduceRefusal::DuplicateSequence { expected: 0, .. })
    ));
}

#[test]
fn the_state_reads_back_and_no_cut_of_it_panics() {
    let producers = after(&[batch(1, 0, 0, 1, 0), batch(2, 5, 0, 2, 1)]);
    let mut bytes = BytesMut::new();
    producers.encode(&mut bytes);
    assert_eq!(Producers::decode(&mut &bytes[..]), Some(producers));
    for cut in 0..bytes.len() {
        assert_eq!(Producers::decode(&mut &bytes[..cut]), None);
    }
}
