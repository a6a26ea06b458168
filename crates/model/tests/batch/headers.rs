//! Headers: what comes back, what is refused, and that no bytes at all make a decoder panic.

use bytes::Bytes;
use model::batch::{Batch, BatchError, BatchHeader, Codec, HEADER_BYTES, HeaderError};
use model::{Offset, Term, TimestampType};
use rand::Rng;

use crate::craft::{ATTRIBUTES, Crafted, LAST_OFFSET_DELTA, LENGTH, MAGIC, sound};
use crate::seed::seeded;

#[test]
fn a_header_that_parses_gives_its_own_bytes_back() {
    let mut rng = seeded();
    for _ in 0..20_000 {
        let mut bytes = [0_u8; HEADER_BYTES];
        rng.fill(&mut bytes[..]);
        bytes[MAGIC] = 2;
        for positive in [0, LENGTH, LAST_OFFSET_DELTA] {
            bytes[positive] &= 0x7f;
        }
        // The field counts at least the header's own 49 bytes.
        bytes[LENGTH + 2] |= 1;
        let header = BatchHeader::parse(&bytes).unwrap();
        assert_eq!(header.as_bytes(), &bytes);
        ask_everything(&header);
    }
}

#[test]
fn every_field_is_read_from_its_place() {
    let mut batch = sound(Codec::Lz4);
    batch.stamp(Offset::new(500), Term::new(9).unwrap());
    let header = *batch.header();
    assert_eq!(header.base_offset(), Offset::new(500));
    assert_eq!(header.end_offset(), Offset::new(503));
    assert_eq!(header.term(), Term::new(9));
    assert_eq!(header.last_offset_delta(), 2);
    assert_eq!(header.record_count(), 3);
    assert_eq!(header.codec(), Ok(Codec::Lz4));
    assert_eq!(header.timestamp_type(), TimestampType::CreateTime);
    assert_eq!(header.total_bytes(), batch.total_bytes());
    assert_eq!(header.records_bytes(), batch.records().len());
    assert_eq!(header.unknown_attributes(), 0);
    let stamp = header.producer().unwrap();
    assert_eq!(
        (stamp.id.get(), stamp.epoch, stamp.base_sequence),
        (7, 1, 40)
    );
    assert!(!header.is_control() && !header.is_internal() && !header.is_transactional());
}

#[test]
fn each_attribute_bit_has_its_meaning() {
    let with = |bits: u16| {
        let crafted = Crafted::from(&sound(Codec::None)).set(ATTRIBUTES, &bits.to_be_bytes());
        *crafted.sealed().header()
    };
    assert_eq!(with(1 << 3).timestamp_type(), TimestampType::LogAppendTime);
    assert!(with(1 << 4).is_transactional());
    assert!(with(1 << 5).is_control());
    assert!(!with(1 << 5).is_internal(), "it takes offsets");
    for bit in 6..16 {
        let bits = 1_u16 << bit;
        assert_eq!(with(bits).unknown_attributes(), bits.cast_signed());
    }
    for number in 5..8 {
        assert_eq!(with(number).codec(), Err(number as u8));
    }
}

#[test]
fn a_batch_cut_at_any_byte_is_truncated() {
    let whole = sound(Codec::None).to_bytes();
    for have in 0..whole.len() {
        let expected = if have < HEADER_BYTES {
            BatchError::Header(HeaderError::Truncated { have })
        } else {
            BatchError::Truncated {
                needed: whole.len(),
                have,
            }
        };
        let mut cut = whole.slice(..have);
        assert_eq!(Batch::split_off(&mut cut), Err(expected));
        assert_eq!(cut.len(), have, "a failed split takes nothing");
    }
}

#[test]
fn batches_split_off_one_after_the_other() {
    let batches = Codec::ALL.map(sound);
    let mut bytes: Bytes = batches
        .iter()
        .flat_map(|batch| batch.to_bytes())
        .collect::<Vec<_>>()
        .into();
    let all = bytes.clone();
    for batch in &batches {
        assert_eq!(&Batch::split_off(&mut bytes).unwrap(), batch);
    }
    assert!(bytes.is_empty());
    let extra = all.len() - batches[0].total_bytes();
    assert_eq!(Batch::parse(all), Err(BatchError::TrailingBytes { extra }));
}

#[test]
fn unsound_headers_are_refused_with_the_field_that_is_wrong() {
    let parse = |at: usize, field: &[u8]| {
        let crafted = Crafted::from(&sound(Codec::None)).set(at, field);
        BatchHeader::parse(&crafted.bytes()).unwrap_err()
    };
    for magic in [0_i8, 1, 3, -1, i8::MIN] {
        let error = parse(MAGIC, &magic.to_be_bytes());
        assert_eq!(error, HeaderError::UnsupportedMagic { magic });
    }
    for length in [i32::MIN, -1, 0, 48] {
        let error = parse(LENGTH, &length.to_be_bytes());
        assert_eq!(error, HeaderError::ImpossibleLength { length });
    }
    for base_offset in [-1, i64::MIN] {
        let error = parse(0, &base_offset.to_be_bytes());
        assert_eq!(error, HeaderError::NegativeOffset { base_offset });
    }
    for delta in [-2, i32::MIN] {
        let error = parse(LAST_OFFSET_DELTA, &delta.to_be_bytes());
        assert_eq!(error, HeaderError::ImpossibleDelta { delta });
    }
}

#[test]
fn the_largest_fields_do_not_overflow() {
    let bytes = Crafted::from(&sound(Codec::None))
        .set(0, &i64::MAX.to_be_bytes())
        .set(LENGTH, &i32::MAX.to_be_bytes())
        .set(LAST_OFFSET_DELTA, &i32::MAX.to_be_bytes())
        .bytes();
    let header = BatchHeader::parse(&bytes).unwrap();
    assert_eq!(header.total_bytes(), i32::MAX as usize + 12);
    assert_eq!(
        header.end_offset().get(),
        i64::MAX.cast_unsigned() + (1 << 31)
    );
    assert_eq!(
        Batch::parse(bytes.clone()),
        Err(BatchError::Truncated {
            needed: i32::MAX as usize + 12,
            have: bytes.len(),
        })
    );
}

#[test]
fn random_bytes_never_panic() {
    let mut rng = seeded();
    for _ in 0..50_000 {
        let mut bytes = vec![0_u8; rng.random_range(0..200)];
        rng.fill(&mut bytes[..]);
        if let Some(magic) = bytes.get_mut(MAGIC) {
            *magic = 2;
        }
        if let Some(length) = bytes.get_mut(LENGTH..LENGTH + 4) {
            length.copy_from_slice(&rng.random_range(0..150_i32).to_be_bytes());
        }
        let mut bytes = Bytes::from(bytes);
        if let Ok(batch) = Batch::split_off(&mut bytes) {
            ask_everything(batch.header());
            let _ = batch.check_crc();
        }
    }
}

fn ask_everything(header: &BatchHeader) {
    let _ = (header.codec(), header.producer(), header.term());
    let _ = (header.base_timestamp(), header.max_timestamp());
    let _ = (header.is_internal(), header.unknown_attributes());
    assert!(header.end_offset() >= header.base_offset());
    assert!(header.total_bytes() >= HEADER_BYTES);
    assert_eq!(header.records_bytes(), header.total_bytes() - HEADER_BYTES);
    assert!(!format!("{header:?}").is_empty());
}
