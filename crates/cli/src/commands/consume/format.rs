//! A record as bytes on stdout.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use model::PartitionIndex;
use model::batch::{Record, RecordHeader};
use serde::Serialize;

use super::RecordFormat;
use crate::arguments::Separator;

/// A record as JSON. The names are part of the command line's contract.
#[derive(Serialize)]
struct RecordJson<'a> {
    partition: u32,
    offset: u64,
    timestamp: i64,
    #[serde(flatten)]
    key: KeyJson<'a>,
    #[serde(flatten)]
    value: ValueJson<'a>,
    headers: Vec<HeaderJson<'a>>,
}

#[derive(Serialize)]
struct HeaderJson<'a> {
    #[serde(flatten)]
    key: KeyJson<'a>,
    #[serde(flatten)]
    value: ValueJson<'a>,
}

/// A key under its name: text or null, else base64 under another.
#[derive(Serialize)]
enum KeyJson<'a> {
    #[serde(rename = "key")]
    Text(Option<&'a str>),
    #[serde(rename = "key_base64")]
    Base64(String),
}

/// A value under its name: text or null, else base64 under another.
#[derive(Serialize)]
enum ValueJson<'a> {
    #[serde(rename = "value")]
    Text(Option<&'a str>),
    #[serde(rename = "value_base64")]
    Base64(String),
}

impl<'a> KeyJson<'a> {
    fn of(bytes: Option<&'a Bytes>) -> Self {
        text(bytes).map_or_else(Self::Base64, Self::Text)
    }
}

impl<'a> ValueJson<'a> {
    fn of(bytes: Option<&'a Bytes>) -> Self {
        text(bytes).map_or_else(Self::Base64, Self::Text)
    }
}

/// The bytes as text or null; as base64 where they are not UTF-8.
fn text(bytes: Option<&Bytes>) -> Result<Option<&str>, String> {
    let Some(bytes) = bytes else {
        return Ok(None);
    };
    std::str::from_utf8(bytes)
        .map(Some)
        .map_err(|_| STANDARD.encode(bytes))
}

/// Appends a record and its line feed.
pub(super) fn put_record(
    out: &mut Vec<u8>,
    format: RecordFormat,
    separator: &Separator,
    partition: PartitionIndex,
    record: &Record,
) {
    match format {
        RecordFormat::Value => out.extend_from_slice(record.value.as_deref().unwrap_or_default()),
        RecordFormat::KeyValue => {
            out.extend_from_slice(record.key.as_deref().unwrap_or_default());
            out.extend_from_slice(&separator.0);
            out.extend_from_slice(record.value.as_deref().unwrap_or_default());
        }
        RecordFormat::Json => put_json(out, partition, record),
    }
    out.push(b'\n');
}

fn put_json(out: &mut Vec<u8>, partition: PartitionIndex, record: &Record) {
    let header = |header: &'_ RecordHeader| -> (Bytes, Option<Bytes>) {
        (header.key.clone(), header.value.clone())
    };
    let headers: Vec<_> = record.headers.iter().map(header).collect();
    let json = RecordJson {
        partition: partition.get(),
        offset: record.offset.get(),
        timestamp: record.timestamp.as_millis(),
        key: KeyJson::of(record.key.as_ref()),
        value: ValueJson::of(record.value.as_ref()),
        headers: headers
            .iter()
            .map(|(key, value)| HeaderJson {
                key: KeyJson::of(Some(key)),
                value: ValueJson::of(value.as_ref()),
            })
            .collect(),
    };
    // Writing text and numbers to memory cannot fail.
    let _ = serde_json::to_writer(out, &json);
}

#[cfg(test)]
mod tests {
    use model::{Offset, Timestamp};

    use super::*;

    fn record(key: Option<&'static [u8]>, value: Option<&'static [u8]>) -> Record {
        Record {
            offset: Offset::new(7),
            timestamp: Timestamp::from_millis(-1),
            key: key.map(Bytes::from_static),
            value: value.map(Bytes::from_static),
            headers: Vec::new(),
        }
    }

    fn shown(format: RecordFormat, record: &Record) -> Vec<u8> {
        let mut out = Vec::new();
        put_record(
            &mut out,
            format,
            &Separator(b"\t".to_vec()),
            PartitionIndex::new(3),
            record,
        );
        out
    }

    #[test]
    fn bytes_come_out_as_they_are() {
        let record = record(Some(b"\xff"), Some(b"\0\r\n\x80"));
        assert_eq!(shown(RecordFormat::Value, &record), b"\0\r\n\x80\n");
        assert_eq!(
            shown(RecordFormat::KeyValue, &record),
            b"\xff\t\0\r\n\x80\n"
        );
    }

    #[test]
    fn json_tells_null_empty_text_and_bytes_apart() {
        let line = |record: &Record| String::from_utf8(shown(RecordFormat::Json, record)).unwrap();
        let start = r#"{"partition":3,"offset":7,"timestamp":-1,"#;
        assert_eq!(
            line(&record(None, Some(b""))),
            format!("{start}{}\n", r#""key":null,"value":"","headers":[]}"#)
        );
        assert_eq!(
            line(&record(Some(b"\xff\0"), Some(b"\"x"))),
            format!(
                "{start}{}\n",
                r#""key_base64":"/wA=","value":"\"x","headers":[]}"#
            )
        );
    }

    #[test]
    fn headers_keep_their_order_and_their_duplicates() {
        let header = |key: &'static [u8], value: Option<&'static [u8]>| RecordHeader {
            key: Bytes::from_static(key),
            value: value.map(Bytes::from_static),
        };
        let mut record = record(None, None);
        record.headers = vec![
            header(b"h", Some(b"1")),
            header(b"a", None),
            header(b"h", Some(b"\x80")),
        ];
        let line = String::from_utf8(shown(RecordFormat::Json, &record)).unwrap();
        let headers = r#""headers":[{"key":"h","value":"1"},{"key":"a","value":null},{"key":"h","value_base64":"gA=="}]}"#;
        assert!(line.ends_with(&format!("{headers}\n")), "{line}");
    }
}
