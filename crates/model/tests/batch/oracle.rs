//! kafka-protocol as an oracle: it reads our batches, we read its, through every codec.
//!
//! It keeps headers in a map, so records here have no header key twice; `records` tests those.

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, Record as TheirRecord, RecordBatchDecoder, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType as TheirTimestampType,
};
use model::batch::{
    Batch, BatchBuilder, Codec, ProducerStamp, Record, RecordHeader, Records, validate_produced,
};
use model::{Offset, ProducerId, Term, Timestamp};
use rand::Rng;
use rand::rngs::StdRng;

use crate::craft::{ATTRIBUTES, Crafted, NOW};
use crate::produced::no_limits;
use crate::seed::{seeded, some_bytes};

const BYTES_MAX: usize = 8 << 20;
const THEIRS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

/// Records of a batch at `base`, in the oracle's terms.
fn their_records(rng: &mut StdRng, base: i64) -> Vec<TheirRecord> {
    let value_bytes = if rng.random_ratio(1, 10) { 50_000 } else { 300 };
    (0..rng.random_range(1..30_i32))
        .map(|delta| TheirRecord {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: 6,
            producer_id: 77,
            producer_epoch: 3,
            timestamp_type: TheirTimestampType::Creation,
            offset: base + i64::from(delta),
            sequence: 1000 + delta,
            timestamp: NOW.as_millis() + rng.random_range(-100_000_000_000..100_000_000_000),
            key: maybe_bytes(rng, 30),
            value: maybe_bytes(rng, value_bytes),
            headers: their_headers(rng),
        })
        .collect()
}

fn their_headers(rng: &mut StdRng) -> IndexMap<StrBytes, Option<Bytes>> {
    (0..rng.random_range(0..4))
        .map(|number| {
            let key = StrBytes::from_string(format!("key-{number}-ü"));
            (key, maybe_bytes(rng, 20))
        })
        .collect()
}

fn maybe_bytes(rng: &mut StdRng, most: usize) -> Option<Bytes> {
    rng.random_ratio(4, 5).then(|| some_bytes(rng, most).into())
}

fn ours(record: &TheirRecord) -> Record {
    let headers = record.headers.iter().map(|(key, value)| RecordHeader {
        key: key.clone().into(),
        value: value.clone(),
    });
    Record {
        offset: Offset::new(u64::try_from(record.offset).unwrap()),
        timestamp: Timestamp::from_millis(record.timestamp),
        key: record.key.clone(),
        value: record.value.clone(),
        headers: headers.collect(),
    }
}

fn encode_theirs(records: &[TheirRecord], compression: Compression) -> Bytes {
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression,
    };
    RecordBatchEncoder::encode(&mut bytes, records, &options).unwrap();
    bytes.freeze()
}

fn read(batch: &Batch) -> Vec<Record> {
    let records = Records::of(batch, BYTES_MAX).unwrap();
    records.map(Result::unwrap).collect()
}

#[test]
fn the_oracles_batches_read_here_through_every_codec() {
    let mut rng = seeded();
    for _ in 0..40 {
        let base = rng.random_range(0..1 << 40);
        let theirs = their_records(&mut rng, base);
        let expected: Vec<_> = theirs.iter().map(ours).collect();
        for (compression, codec) in THEIRS.into_iter().zip(Codec::ALL) {
            let batch = Batch::parse(encode_theirs(&theirs, compression)).unwrap();
            validate_produced(&batch, &no_limits(), NOW).unwrap();
            let header = batch.header();
            assert_eq!(header.codec(), Ok(codec));
            assert_eq!(header.term(), Term::new(6));
            let stamp = header.producer().unwrap();
            assert_eq!(
                (stamp.id.get(), stamp.epoch, stamp.base_sequence),
                (77, 3, 1000)
            );
            assert_eq!(read(&batch), expected, "{codec}");
        }
    }
}

#[test]
fn the_oracles_records_as_a_bare_snappy_block_read_here() {
    let mut rng = seeded();
    for _ in 0..40 {
        let theirs = their_records(&mut rng, 5);
        let plain = Batch::parse(encode_theirs(&theirs, Compression::None)).unwrap();
        let bare = snap::raw::Encoder::new()
            .compress_vec(plain.records())
            .unwrap();
        let batch = Crafted::from(&plain)
            .set(ATTRIBUTES, &[0, Codec::Snappy.number()])
            .with_block(&bare)
            .sealed();
        let expected: Vec<_> = theirs.iter().map(ours).collect();
        assert_eq!(read(&batch), expected);
        let decoded = RecordBatchDecoder::decode(&mut batch.to_bytes()).unwrap();
        assert_eq!(decoded.records, theirs);
    }
}

#[test]
fn our_batches_read_there_through_every_codec() {
    let mut rng = seeded();
    for _ in 0..40 {
        let base = rng.random_range(0..1 << 40);
        let theirs = their_records(&mut rng, base);
        for (compression, codec) in THEIRS.into_iter().zip(Codec::ALL) {
            let mut builder = BatchBuilder::new(codec).with_producer(ProducerStamp {
                id: ProducerId::new(77),
                epoch: 3,
                base_sequence: 1000,
            });
            for record in theirs.iter().map(ours) {
                let (key, value) = (record.key.as_deref(), record.value.as_deref());
                builder.push(record.timestamp, key, value, &record.headers);
            }
            let mut batch = builder.build().unwrap();
            let offset = Offset::new(base.cast_unsigned());
            batch.stamp(offset, Term::new(6).unwrap());
            let decoded = RecordBatchDecoder::decode(&mut batch.to_bytes()).unwrap();
            assert_eq!(decoded.compression, compression);
            assert_eq!(decoded.records, theirs, "{codec}");
        }
    }
}

#[test]
fn a_plain_batch_is_the_oracles_byte_for_byte() {
    let mut rng = seeded();
    for _ in 0..100 {
        let mut theirs = their_records(&mut rng, 0);
        // The oracle takes the smallest timestamp as the base, we take the first: as Kafka's producer.
        theirs.sort_by_key(|record| record.timestamp);
        for (delta, record) in (0..).zip(&mut theirs) {
            record.offset = i64::from(delta);
            record.sequence = 1000 + delta;
        }
        let bytes = encode_theirs(&theirs, Compression::None);
        let mut builder = BatchBuilder::new(Codec::None).with_producer(ProducerStamp {
            id: ProducerId::new(77),
            epoch: 3,
            base_sequence: 1000,
        });
        for record in theirs.iter().map(ours) {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            builder.push(record.timestamp, key, value, &record.headers);
        }
        let mut batch = builder.build().unwrap();
        batch.stamp(Offset::ZERO, Term::new(6).unwrap());
        assert_eq!(batch.to_bytes(), bytes);
    }
}
