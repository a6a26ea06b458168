//! What a broker refuses: every rule broken once, and every bit of a batch flipped.

use std::time::Duration;

use model::batch::{
    Batch, BatchError, CRC_COVERS_FROM, Codec, HeaderError, InvalidBatch, ProduceLimits,
    validate_produced,
};
use model::{ProducerId, Timestamp, TimestampType};

use crate::craft::{
    ATTRIBUTES, BASE_SEQUENCE, BASE_TIMESTAMP, CRC, Crafted, LAST_OFFSET_DELTA, LENGTH, MAGIC,
    MAX_TIMESTAMP, NOW, PRODUCER_EPOCH, RECORD_COUNT, sound,
};

/// The limits of a topic that has none.
pub(crate) fn no_limits() -> ProduceLimits {
    ProduceLimits {
        batch_bytes_max: u64::MAX,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max: None,
        timestamp_after_max: None,
    }
}

fn changed(at: usize, field: &[u8]) -> Batch {
    Crafted::from(&sound(Codec::None)).set(at, field).sealed()
}

fn refusal(batch: &Batch) -> InvalidBatch {
    validate_produced(batch, &no_limits(), NOW).unwrap_err()
}

#[test]
fn a_sound_batch_passes_with_every_codec() {
    for codec in Codec::ALL {
        assert_eq!(
            validate_produced(&sound(codec), &no_limits(), NOW),
            Ok(()),
            "{codec}"
        );
    }
}

#[test]
fn a_wrong_crc_is_refused_before_anything_that_it_covers() {
    let bytes = Crafted::from(&sound(Codec::None))
        .set(ATTRIBUTES, &[0xff, 0xff])
        .bytes();
    let error = refusal(&Batch::parse(bytes).unwrap());
    assert!(matches!(
        error,
        InvalidBatch::Corrupt(BatchError::WrongCrc { .. })
    ));
}

#[test]
fn a_batch_over_the_limit_is_refused_and_one_at_it_passes() {
    let batch = sound(Codec::None);
    let bytes = batch.total_bytes() as u64;
    let limits = |batch_bytes_max| ProduceLimits {
        batch_bytes_max,
        ..no_limits()
    };
    assert_eq!(validate_produced(&batch, &limits(bytes), NOW), Ok(()));
    let limit = bytes - 1;
    assert_eq!(
        validate_produced(&batch, &limits(limit), NOW),
        Err(InvalidBatch::TooLarge { bytes, limit })
    );
}

#[test]
fn forged_attributes_are_refused() {
    let refused = |bits: u16| refusal(&changed(ATTRIBUTES, &bits.to_be_bytes()));
    assert_eq!(refused(1 << 5), InvalidBatch::Control);
    assert_eq!(refused(1 << 4), InvalidBatch::Transactional);
    for bit in 6..16 {
        let bits = 1_u16 << bit;
        let expected = InvalidBatch::UnknownAttributes {
            bits: bits.cast_signed(),
        };
        assert_eq!(refused(bits), expected);
    }
    for number in 5..8 {
        let expected = InvalidBatch::UnknownCodec { number };
        assert_eq!(refused(u16::from(number)), expected);
    }
}

#[test]
fn a_forged_internal_entry_is_refused() {
    let forged = Crafted::from(&sound(Codec::None))
        .set(ATTRIBUTES, &[0, 0x20])
        .set(LAST_OFFSET_DELTA, &(-1_i32).to_be_bytes())
        .set(RECORD_COUNT, &0_i32.to_be_bytes())
        .sealed();
    assert!(forged.header().is_internal());
    assert_eq!(refusal(&forged), InvalidBatch::Control);
}

#[test]
fn a_count_that_is_not_the_number_of_offsets_is_refused() {
    for records in [i32::MIN, -1, 0, 2, 4, i32::MAX] {
        let batch = changed(RECORD_COUNT, &records.to_be_bytes());
        let expected = InvalidBatch::WrongCount {
            records,
            offsets: 3,
        };
        assert_eq!(refusal(&batch), expected);
    }
    for delta in [-1, 0, 1, 3, i32::MAX] {
        let batch = changed(LAST_OFFSET_DELTA, &delta.to_be_bytes());
        let expected = InvalidBatch::WrongCount {
            records: 3,
            offsets: i64::from(delta) + 1,
        };
        assert_eq!(refusal(&batch), expected);
    }
    // Neither records nor offsets, and not marked as control.
    let empty = Crafted::from(&sound(Codec::None))
        .set(RECORD_COUNT, &0_i32.to_be_bytes())
        .set(LAST_OFFSET_DELTA, &(-1_i32).to_be_bytes())
        .sealed();
    assert!(matches!(refusal(&empty), InvalidBatch::WrongCount { .. }));
}

#[test]
fn a_producer_with_a_negative_epoch_or_sequence_is_refused() {
    let producer = ProducerId::new(7);
    for (at, field, epoch, sequence) in [
        (PRODUCER_EPOCH, &[0xff, 0xff][..], -1, 40),
        (BASE_SEQUENCE, &[0xff; 4][..], 1, -1),
        (BASE_SEQUENCE, &[0x80, 0, 0, 0][..], 1, i32::MIN),
    ] {
        let expected = InvalidBatch::NegativeSequence {
            producer,
            epoch,
            sequence,
        };
        assert_eq!(refusal(&changed(at, field)), expected);
    }
}

#[test]
fn timestamps_too_far_from_now_are_refused_where_the_producer_sets_them() {
    let hour = Duration::from_secs(3600);
    let limits = ProduceLimits {
        timestamp_before_max: Some(hour),
        timestamp_after_max: Some(hour),
        ..no_limits()
    };
    let (earliest, latest) = (NOW.minus(hour), NOW.plus(hour));
    let at = |place: usize, millis: i64| changed(place, &millis.to_be_bytes());
    for place in [BASE_TIMESTAMP, MAX_TIMESTAMP] {
        for bound in [earliest.as_millis(), latest.as_millis()] {
            assert_eq!(validate_produced(&at(place, bound), &limits, NOW), Ok(()));
        }
        for outside in [
            earliest.as_millis() - 1,
            latest.as_millis() + 1,
            i64::MIN,
            i64::MAX,
        ] {
            let batch = at(place, outside);
            let expected = InvalidBatch::TimestampOutOfRange {
                timestamp: Timestamp::from_millis(outside),
                earliest,
                latest,
            };
            assert_eq!(validate_produced(&batch, &limits, NOW), Err(expected));
            assert_eq!(validate_produced(&batch, &no_limits(), NOW), Ok(()));
            let by_broker = ProduceLimits {
                timestamp_type: TimestampType::LogAppendTime,
                ..limits
            };
            assert_eq!(validate_produced(&batch, &by_broker, NOW), Ok(()));
        }
    }
}

#[test]
fn every_refusal_says_what_it_refuses() {
    let long = refusal(&changed(ATTRIBUTES, &[0, 5])).to_string();
    assert!(
        long.contains("codec 5") && long.contains("4 zstd"),
        "{long}"
    );
    let limits = ProduceLimits {
        batch_bytes_max: 10,
        ..no_limits()
    };
    let batch = sound(Codec::None);
    let error = validate_produced(&batch, &limits, NOW).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("10") && text.contains("max.message.bytes"),
        "{text}"
    );
}

/// What a flipped bit at this byte leads to.
fn detected(bytes: Vec<u8>) -> Result<(), InvalidBatch> {
    let batch = Batch::parse(bytes.into())?;
    validate_produced(&batch, &no_limits(), NOW)
}

#[test]
fn a_flipped_bit_is_detected_everywhere_but_in_offset_and_term() {
    for codec in Codec::ALL {
        let whole = sound(codec).to_bytes();
        for bit in 0..whole.len() * 8 {
            let at = bit / 8;
            let mut flipped = whole.to_vec();
            flipped[at] ^= 0x80 >> (bit % 8);
            let outcome = detected(flipped);
            match at {
                // Only the sign of the base offset is checked here: offset and term lie outside the
                // CRC, because the leader stamps them. The log checks them against its term table.
                0 if bit == 0 => assert!(matches!(
                    outcome,
                    Err(InvalidBatch::Corrupt(BatchError::Header(
                        HeaderError::NegativeOffset { .. }
                    )))
                )),
                0..LENGTH | 12..MAGIC => assert_eq!(outcome, Ok(()), "byte {at}"),
                LENGTH..12 => assert!(
                    matches!(
                        outcome,
                        Err(InvalidBatch::Corrupt(
                            BatchError::Truncated { .. }
                                | BatchError::TrailingBytes { .. }
                                | BatchError::Header(HeaderError::ImpossibleLength { .. })
                        ))
                    ),
                    "byte {at}: {outcome:?}"
                ),
                MAGIC => assert!(matches!(
                    outcome,
                    Err(InvalidBatch::Corrupt(BatchError::Header(
                        HeaderError::UnsupportedMagic { .. }
                    )))
                )),
                CRC.. => assert!(
                    matches!(
                        outcome,
                        Err(InvalidBatch::Corrupt(
                            BatchError::WrongCrc { .. }
                                | BatchError::Header(HeaderError::ImpossibleDelta { .. })
                        ))
                    ),
                    "byte {at}: {outcome:?}"
                ),
            }
        }
    }
    assert_eq!(CRC_COVERS_FROM, ATTRIBUTES);
}
