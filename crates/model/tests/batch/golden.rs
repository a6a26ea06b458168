//! Bytes worked out by hand. Where these change, data on disk no longer reads.

use bytes::Bytes;
use model::batch::codec::{compress, decompress};
use model::batch::control::{self, ControlKind};
use model::batch::{Batch, BatchBuilder, Codec, ProducerStamp, RecordHeader, Records};
use model::{Offset, ProducerId, Term, Timestamp};

use crate::craft::Crafted;

#[rustfmt::skip]
const PLAIN: [u8; 84] = [
    0, 0, 0, 0, 0, 0, 0, 0, // base offset
    0, 0, 0, 72, // length: 49 of the header and 23 of the records
    0xff, 0xff, 0xff, 0xff, // no term yet
    2, // magic
    0x46, 0x48, 0xcd, 0x8c, // CRC-32C of all that follows
    0, 0, // attributes
    0, 0, 0, 1, // last offset delta
    0, 0, 0, 0, 0, 0, 0x03, 0xe8, // base timestamp: 1000
    0, 0, 0, 0, 0, 0, 0x03, 0xe8, // max timestamp: 1000
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // no producer
    0xff, 0xff, // no epoch
    0xff, 0xff, 0xff, 0xff, // no sequence
    0, 0, 0, 2, // records
    // 8 bytes, attributes, same time, delta 0, "k", "v", no headers
    0x10, 0x00, 0x00, 0x00, 0x02, b'k', 0x02, b'v', 0x00,
    // 13 bytes, attributes, 1 ms earlier, delta 1, null key, empty value, two headers
    0x1a, 0x00, 0x01, 0x02, 0x01, 0x00, 0x04,
    // "h": "1", then "h": null
    0x02, b'h', 0x02, b'1', 0x02, b'h', 0x01,
];

#[rustfmt::skip]
const ANSWER: [u8; 64] = [
    0, 0, 0, 0, 0, 0, 0, 0, // base offset
    0, 0, 0, 52, // length
    0xff, 0xff, 0xff, 0xff, // no term yet
    2, // magic
    0x7f, 0xc7, 0x04, 0x8f, // CRC-32C
    0x00, 0x20, // attributes: control
    0xff, 0xff, 0xff, 0xff, // last offset delta: takes no offset
    0, 0, 0, 0, 0, 0, 0, 5, // base timestamp
    0, 0, 0, 0, 0, 0, 0, 5, // max timestamp
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // no producer
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // no epoch, no sequence
    0, 0, 0, 0, // no records
    4, b'a', b'b', // kind and payload
];

fn header(key: &'static str, value: Option<&'static str>) -> RecordHeader {
    RecordHeader {
        key: key.into(),
        value: value.map(Bytes::from),
    }
}

fn plain() -> Batch {
    let mut builder = BatchBuilder::new(Codec::None);
    let at = Timestamp::from_millis;
    builder.push(at(1000), Some(b"k"), Some(b"v"), &[]);
    let headers = [header("h", Some("1")), header("h", None)];
    builder.push(at(999), None, Some(b""), &headers);
    builder.build().unwrap()
}

#[test]
fn a_plain_batch_has_these_bytes() {
    assert_eq!(plain().to_bytes(), PLAIN[..]);
}

#[test]
fn these_bytes_are_a_plain_batch() {
    let batch = Batch::parse(Bytes::from_static(&PLAIN)).unwrap();
    batch.check_crc().unwrap();
    assert_eq!(batch, plain());
    let records: Vec<_> = Records::of(&batch, 0)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].key.as_deref(), Some(&b"k"[..]));
    assert_eq!(records[1].timestamp, Timestamp::from_millis(999));
    assert_eq!(records[1].key, None);
    assert_eq!(records[1].value.as_deref(), Some(&b""[..]));
    assert_eq!(
        records[1].headers,
        [header("h", Some("1")), header("h", None)]
    );
}

#[test]
fn a_stamp_changes_offset_and_term_and_nothing_else() {
    let mut batch = plain();
    batch.stamp(Offset::new(0x0102_0304_0506), Term::new(0x0708).unwrap());
    let expected = Crafted::from(&plain())
        .set(0, &[0, 0, 1, 2, 3, 4, 5, 6])
        .set(12, &[0, 0, 7, 8])
        .bytes();
    assert_eq!(batch.to_bytes(), expected);
    batch.check_crc().unwrap();
}

#[test]
fn append_time_changes_its_bit_the_largest_timestamp_and_the_crc() {
    let mut batch = plain();
    batch.set_append_time(Timestamp::from_millis(0x0102));
    let expected = Crafted::from(&plain())
        .set(21, &[0, 8])
        .set(35, &[0, 0, 0, 0, 0, 0, 1, 2])
        .sealed();
    assert_eq!(batch, expected);
    let first = Records::of(&batch, 0).unwrap().next().unwrap().unwrap();
    assert_eq!(first.timestamp, Timestamp::from_millis(0x0102));
}

#[test]
fn a_producers_stamp_has_its_fourteen_bytes() {
    let mut builder = BatchBuilder::new(Codec::None).with_producer(ProducerStamp {
        id: ProducerId::new(0x0102_0304),
        epoch: 0x0506,
        base_sequence: 0x0708_090a,
    });
    builder.push(Timestamp::default(), None, None, &[]);
    let bytes = builder.build().unwrap().to_bytes();
    assert_eq!(bytes[43..57], [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0a]);
}

#[test]
fn an_internal_entry_has_these_bytes() {
    let batch = control::encode(ControlKind::Answer, b"ab", Timestamp::from_millis(5));
    assert_eq!(batch.to_bytes(), ANSWER[..]);
}

#[test]
fn these_bytes_are_an_internal_entry() {
    let batch = Batch::parse(Bytes::from_static(&ANSWER)).unwrap();
    batch.check_crc().unwrap();
    let decoded = control::decode(&batch).unwrap();
    assert_eq!(decoded, (ControlKind::Answer, Bytes::from_static(b"ab")));
}

#[test]
fn every_kind_of_internal_entry_keeps_its_number() {
    let kinds = [
        (ControlKind::Blank, 1),
        (ControlKind::Membership, 2),
        (ControlKind::LogStart, 3),
        (ControlKind::Answer, 4),
        (ControlKind::Command, 5),
    ];
    for (kind, number) in kinds {
        let batch = control::encode(kind, b"", Timestamp::default());
        assert_eq!(batch.records()[..], [number], "{kind:?}");
        assert_eq!(control::decode(&batch).unwrap().0, kind);
    }
}

/// Frames of `abc`, byte by byte from each format's specification, as any encoder may write them.
fn frames_of_abc() -> [(Codec, Vec<u8>); 5] {
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x4b\x4c\x4a\x06\0\xc2\x41\x24\x35\x03\0\0\0";
    let snappy = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x05\x03\x08abc";
    let lz4 = b"\x04\x22\x4d\x18\x60\x40\x82\x03\0\0\x80abc\0\0\0\0";
    let zstd = b"\x28\xb5\x2f\xfd\x20\x03\x19\0\0abc";
    [
        (Codec::None, b"abc".to_vec()),
        (Codec::Gzip, gzip.to_vec()),
        (Codec::Snappy, snappy.to_vec()),
        (Codec::Lz4, lz4.to_vec()),
        (Codec::Zstd, zstd.to_vec()),
    ]
}

#[test]
fn every_codecs_frame_of_the_specification_reads() {
    for (codec, frame) in frames_of_abc() {
        assert_eq!(
            decompress(codec, &frame.into(), 3).unwrap(),
            "abc",
            "{codec}"
        );
    }
}

#[test]
fn the_framings_that_we_write_are_those_that_java_reads() {
    // What the libraries choose inside a frame may change; what Kafka's readers look at may not.
    let frames = frames_of_abc();
    let written = |codec| compress(codec, Bytes::from_static(b"abc")).unwrap();
    assert_eq!(written(Codec::None), frames[0].1);
    assert_eq!(written(Codec::Gzip)[..4], frames[1].1[..4]);
    assert_eq!(written(Codec::Snappy), frames[2].1);
    // Independent blocks, no content size, no checksums: all that Kafka's Java reader knows.
    assert_eq!(written(Codec::Lz4), frames[3].1);
    assert_eq!(written(Codec::Zstd)[..4], frames[4].1[..4]);
}

#[test]
fn snappy_splits_into_blocks_of_32_kib() {
    let framed = compress(Codec::Snappy, vec![b'x'; (32 << 10) + 1].into()).unwrap();
    let first = u32::from_be_bytes(framed[16..20].try_into().unwrap()) as usize;
    // The first block says 32 KiB (a varint), the second holds the one byte left.
    assert_eq!(framed[20..23], [0x80, 0x80, 0x02]);
    assert_eq!(framed[20 + first..], *b"\0\0\0\x03\x01\0x");
}
