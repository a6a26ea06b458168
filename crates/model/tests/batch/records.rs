//! Records: every one comes back as it was, and a block that lies ends in an error, never in a panic.

use bytes::Bytes;
use model::batch::{
    Batch, BatchBuilder, BuildError, Codec, CodecError, Record, RecordError, RecordHeader, Records,
};
use model::{Offset, Term, Timestamp};
use rand::Rng;
use rand::rngs::StdRng;

use crate::craft::{Crafted, RECORD_COUNT, sound, with_block};
use crate::seed::{seeded, some_bytes};

const BYTES_MAX: usize = 1 << 20;

fn read(batch: &Batch) -> Result<Vec<Record>, RecordError> {
    Records::of(batch, BYTES_MAX)?.collect()
}

fn maybe_bytes(rng: &mut StdRng, most: usize) -> Option<Bytes> {
    rng.random_ratio(4, 5).then(|| some_bytes(rng, most).into())
}

/// A record as random as the format allows: nulls, empty fields, repeated header keys, any timestamp.
fn random_record(rng: &mut StdRng, offset: Offset) -> Record {
    let near = rng.random_ratio(9, 10);
    let millis = if near {
        1_700_000_000_000 + rng.random_range(-5_000..5_000)
    } else {
        rng.random()
    };
    let headers = (0..rng.random_range(0..4))
        .map(|_| RecordHeader {
            key: some_bytes(rng, 3).into(),
            value: maybe_bytes(rng, 20),
        })
        .collect();
    Record {
        offset,
        timestamp: Timestamp::from_millis(millis),
        key: maybe_bytes(rng, 40),
        value: maybe_bytes(rng, 400),
        headers,
    }
}

fn build(codec: Codec, records: &[Record]) -> Batch {
    let mut builder = BatchBuilder::new(codec);
    for record in records {
        builder.push(
            record.timestamp,
            record.key.as_deref(),
            record.value.as_deref(),
            &record.headers,
        );
    }
    builder.build().unwrap()
}

#[test]
fn random_records_come_back_through_every_codec() {
    let mut rng = seeded();
    for _ in 0..100 {
        let base = Offset::new(rng.random_range(0..1 << 40));
        let records: Vec<_> = (0..rng.random_range(1..40))
            .map(|delta| random_record(&mut rng, base.plus(delta)))
            .collect();
        for codec in Codec::ALL {
            let mut batch = build(codec, &records);
            batch.stamp(base, Term::new(1).unwrap());
            let read_again = Batch::parse(batch.to_bytes()).unwrap();
            read_again.check_crc().unwrap();
            assert_eq!(read(&read_again).unwrap(), records, "{codec}");
        }
    }
}

#[test]
fn timestamps_before_the_first_and_at_the_ends_of_time_come_back() {
    let millis = [0, -1, i64::MIN, i64::MAX, 1, i64::MIN];
    for first in [0, -5, i64::MIN, i64::MAX] {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.push(Timestamp::from_millis(first), None, None, &[]);
        for millis in millis {
            builder.push(Timestamp::from_millis(millis), None, None, &[]);
        }
        let batch = builder.build().unwrap();
        let read: Vec<_> = read(&batch)
            .unwrap()
            .iter()
            .map(|record| record.timestamp.as_millis())
            .collect();
        assert_eq!(read[0], first);
        assert_eq!(read[1..], millis);
        assert_eq!(batch.header().base_timestamp().as_millis(), first);
        assert_eq!(batch.header().max_timestamp().as_millis(), i64::MAX);
    }
}

#[test]
fn a_batch_whose_records_are_all_before_1970_has_a_negative_largest_timestamp() {
    let mut builder = BatchBuilder::new(Codec::None);
    for millis in [-20, -10, -30] {
        builder.push(Timestamp::from_millis(millis), None, None, &[]);
    }
    let batch = builder.build().unwrap();
    assert_eq!(batch.header().max_timestamp(), Timestamp::from_millis(-10));
}

#[test]
fn a_builder_counts_records_and_plain_bytes() {
    let mut builder = BatchBuilder::new(Codec::None);
    assert!(builder.is_empty());
    builder.push(Timestamp::default(), Some(b"k"), None, &[]);
    assert_eq!((builder.len(), builder.is_empty()), (1, false));
    let bytes = builder.plain_bytes();
    assert_eq!(builder.build().unwrap().total_bytes(), bytes);
}

#[test]
fn a_batch_without_records_is_not_built() {
    assert_eq!(
        BatchBuilder::new(Codec::Zstd).build(),
        Err(BuildError::Empty)
    );
}

#[test]
fn a_plain_block_cut_at_any_byte_gives_the_records_before_the_cut_and_an_error() {
    let batch = sound(Codec::None);
    for cut in 0..batch.records().len() {
        let short = with_block(Codec::None, 3, &batch.records()[..cut]);
        let read: Vec<_> = Records::of(&short, BYTES_MAX).unwrap().collect();
        let (last, whole) = read.split_last().unwrap();
        assert!(last.is_err(), "cut at {cut}");
        assert!(whole.len() < 3 && whole.iter().all(Result::is_ok));
    }
}

#[test]
fn a_count_that_lies_is_told_at_the_end() {
    for promised in [-1, 0, 2, 4, i32::MAX] {
        let batch = Crafted::from(&sound(Codec::None))
            .set(RECORD_COUNT, &promised.to_be_bytes())
            .sealed();
        let expected = RecordError::WrongCount {
            base_offset: Offset::ZERO,
            promised,
            held: 3,
        };
        assert_eq!(read(&batch), Err(expected), "{promised}");
    }
}

#[test]
fn records_that_lie_are_malformed() {
    let cases: [(&str, &[u8]); 11] = [
        ("a length beyond the block", &[0x20, 0, 0, 0, 1, 1, 0]),
        ("a negative length", &[0x01, 0, 0, 0, 1, 1, 0]),
        ("no body at all", &[0x00]),
        (
            "a body longer than its fields",
            &[0x0e, 0, 0, 0, 1, 1, 0, 0],
        ),
        ("a key longer than the body", &[0x0c, 0, 0, 0, 8, 1, 0]),
        ("a key length below null", &[0x0c, 0, 0, 0, 3, 1, 0]),
        ("a value length below null", &[0x0c, 0, 0, 0, 1, 3, 0]),
        ("a negative offset delta", &[0x0c, 0, 0, 1, 1, 1, 0]),
        ("a negative header count", &[0x0c, 0, 0, 0, 1, 1, 1]),
        ("more headers than bytes", &[0x0c, 0, 0, 0, 1, 1, 0x7e]),
        ("a header with a null key", &[0x10, 0, 0, 0, 1, 1, 2, 1, 1]),
    ];
    for (lie, block) in cases {
        let expected = RecordError::Malformed {
            base_offset: Offset::ZERO,
            position: 0,
        };
        assert_eq!(
            read(&with_block(Codec::None, 1, block)),
            Err(expected),
            "{lie}"
        );
    }
}

#[test]
fn offsets_outside_the_batch_or_out_of_order_are_malformed() {
    let record = |delta: u8| [0x0c, 0, 0, delta * 2, 1, 1, 0];
    let two = |first, second| [record(first), record(second)].concat();
    let batch = |block: Vec<u8>| with_block(Codec::None, 2, &block);
    assert_eq!(read(&batch(two(0, 1))).unwrap().len(), 2);
    for (first, second, position) in [(0, 2, 1), (0, 0, 1), (1, 0, 1), (2, 3, 0)] {
        let expected = RecordError::Malformed {
            base_offset: Offset::ZERO,
            position,
        };
        assert_eq!(read(&batch(two(first, second))), Err(expected));
    }
}

#[test]
fn a_batch_that_lost_records_to_compaction_reads_with_its_gaps() {
    // Offsets 1 and 4 of a batch that once held 0 to 4.
    let block = [[0x0c, 0, 0, 2, 1, 1, 0], [0x0c, 0, 0, 8, 1, 1, 0]].concat();
    let batch = Crafted::from(&with_block(Codec::None, 5, &block))
        .set(RECORD_COUNT, &2_i32.to_be_bytes())
        .sealed();
    let offsets: Vec<_> = read(&batch)
        .unwrap()
        .iter()
        .map(|record| record.offset.get())
        .collect();
    assert_eq!(offsets, [1, 4]);
}

#[test]
fn an_unknown_codec_is_named() {
    let batch = Crafted::from(&sound(Codec::None))
        .set(crate::craft::ATTRIBUTES, &[0, 5])
        .sealed();
    let expected = RecordError::Codec(CodecError::Unknown { number: 5 });
    assert_eq!(read(&batch), Err(expected));
}

#[test]
fn a_flipped_bit_in_a_plain_block_never_panics() {
    let records: Vec<_> = {
        let mut rng = seeded();
        (0..20)
            .map(|delta| random_record(&mut rng, Offset::new(delta)))
            .collect()
    };
    let block = build(Codec::None, &records).records().to_vec();
    for bit in 0..block.len() * 8 {
        let mut flipped = block.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let batch = with_block(Codec::None, 20, &flipped);
        assert!(Records::of(&batch, BYTES_MAX).unwrap().count() <= block.len());
    }
}

#[test]
fn random_blocks_never_panic_under_any_codec() {
    let mut rng = seeded();
    for _ in 0..5_000 {
        let block = some_bytes(&mut rng, 120);
        for codec in Codec::ALL {
            let _ = read(&with_block(codec, 3, &block));
        }
    }
}
