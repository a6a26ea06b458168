//! Records keep everything on their way from a message into a batch and back.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;
use model::Timestamp;
use model::batch::{BuildError, Codec, Records};
use proptest::prelude::*;
use rpc::v1;

const LIMIT: usize = 1 << 20;

fn back(batch: &model::batch::Batch) -> Vec<v1::Record> {
    let records = Records::of(batch, LIMIT).unwrap();
    records.map(|record| record.unwrap().into()).collect()
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

fn record() -> impl Strategy<Value = v1::Record> {
    // Few keys, so that headers repeat.
    let key = prop::sample::select(vec!["", "a", "b"]).prop_map(Bytes::from);
    let header =
        (key, prop::option::of(bytes())).prop_map(|(key, value)| v1::Header { key, value });
    let headers = prop::collection::vec(header, 0..5);
    let nullable = || prop::option::of(bytes());
    (
        nullable(),
        nullable(),
        headers,
        prop::option::of(any::<i64>()),
    )
        .prop_map(|(key, value, headers, timestamp_ms)| v1::Record {
            key,
            value,
            headers,
            timestamp_ms,
            offset: None,
        })
}

proptest! {
    #[test]
    fn records_come_back_as_they_went_in(
        records in prop::collection::vec(record(), 1..20),
        codec in prop::sample::select(Codec::ALL.to_vec()),
        now in any::<i64>(),
    ) {
        let batch = rpc::encode(&records, codec, None, Timestamp::from_millis(now)).unwrap();
        let mut expected = records;
        for (offset, record) in (0..).zip(&mut expected) {
            record.timestamp_ms.get_or_insert(now);
            record.offset = Some(offset);
        }
        prop_assert_eq!(back(&batch), expected);
    }
}

#[test]
fn null_and_empty_differ_and_repeated_headers_keep_their_order() {
    let header = |key: &'static str, value: Option<&'static str>| v1::Header {
        key: key.into(),
        value: value.map(Bytes::from),
    };
    let record = v1::Record {
        key: Some(Bytes::new()),
        value: None,
        headers: vec![
            header("k", Some("2")),
            header("k", Some("1")),
            header("k", None),
        ],
        timestamp_ms: Some(-1),
        offset: Some(0),
    };
    let batch = rpc::encode([&record], Codec::None, None, Timestamp::default()).unwrap();
    assert_eq!(back(&batch), [record]);
}

#[test]
fn no_record_makes_no_batch() {
    let error = rpc::encode([], Codec::None, None, Timestamp::default()).unwrap_err();
    assert_eq!(error, BuildError::Empty);
    assert_eq!(v1::Error::from(&error).reason, "INVALID_FIELD");
}
