//! Writes a few sound inputs for each target into `corpus/<target>`, from which the fuzzer starts.

use std::fs;
use std::io;
use std::path::Path;

use metadata::ClusterState;
use model::batch::control::{self, ControlKind};
use model::batch::{Batch, BatchBuilder, BuildError, Codec, ProducerStamp, RecordHeader};
use model::{ProducerId, Timestamp};
use prost::Message;
use rpc::v1;
use rpc::v1::produce_batch::Payload;

const KINDS: [ControlKind; 5] = [
    ControlKind::Blank,
    ControlKind::Membership,
    ControlKind::LogStart,
    ControlKind::Answer,
    ControlKind::Command,
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut all = Vec::new();
    for codec in Codec::ALL {
        let batch = sample(codec)?;
        all.extend_from_slice(&batch.to_bytes());
        let number = codec.number();
        let count = u8::try_from(batch.header().record_count())?;
        let block = batch.records();
        write("batch_split", codec.as_str(), &batch.to_bytes())?;
        write(
            "batch_records",
            codec.as_str(),
            &[&[number, count], &block[..]].concat(),
        )?;
        write(
            "codec_decompress",
            codec.as_str(),
            &[&[number], &block[..]].concat(),
        )?;
    }
    write("batch_split", "all", &all)?;
    for (number, kind) in KINDS.into_iter().enumerate() {
        let entry = control::encode(kind, b"payload", Timestamp::from_millis(1));
        write(
            "control_decode",
            &format!("kind-{number}"),
            &entry.to_bytes(),
        )?;
    }
    write(
        "control_decode",
        "records",
        &sample(Codec::None)?.to_bytes(),
    )?;
    let term = [1_u64, 0, 0].map(u64::to_be_bytes).concat();
    write("small_files", "a-term-or-start", &term)?;
    write(
        "journal_replay",
        "two-records",
        b"\x06\x01\0\x02kvv\x01\0\0k",
    )?;
    write("segment_name", "sound", b"00000000000000000042.7.log")?;
    write("segment_dump", "records", &all)?;
    // A term table, and a segment that holds a sound batch.
    let files = [&[0, 0, 0, 0, 0, 0, 3, 0, 24], &term[..], &[5, 0, 0]].concat();
    write("log_directory", "one-batch", &files)?;
    let torn = [
        &[0, 0, 0, 0, 0, 0, 3, 0, 24],
        &term[..],
        &[5, 0, 9],
        b"torn tail",
    ]
    .concat();
    write("log_directory", "torn", &torn)?;
    let state = ClusterState::default().encode_snapshot();
    write("metadata_decode", "empty-state", &state)?;
    write("replication_entries", "records", &all)?;
    replication(&state)?;
    requests()?;
    Ok(())
}

/// Snapshots, votes and payloads as `replication` draws them in its modules.
fn replication(state: &[u8]) -> io::Result<()> {
    let number = |number: u64| number.to_be_bytes();
    let members: &[u8] = &[&[1, 0, 1][..], &number(7), &[0, 1], &number(7)].concat();
    let position: &[u8] = &[&[1, 0][..], &number(5), &[0], members].concat();
    let producer: &[u8] = &[
        &number(9)[..],
        &[0, 1],
        &number(80),
        &[1],
        &number(3),
        &number(4),
    ]
    .concat();
    let producers: &[u8] = &[&[0, 0, 0, 1], producer].concat();
    let inputs: [(&str, &[&[u8]]); 7] = [
        ("members", &[members]),
        ("producers", &[producers]),
        ("partition", &[position, &number(2), producers]),
        ("state-group", &[position, state]),
        (
            "vote",
            &[&number(3), &number(7), &[1], &number(3), &number(40)],
        ),
        ("duplicate", &[&[1], &number(77)]),
        ("refused", &[&[4], &number(9), &[0, 0, 0, 3, 0, 0, 0, 2]]),
    ];
    for (name, parts) in inputs {
        write("replication_decode", name, &parts.concat())?;
        write("replication_entries", name, &parts.concat())?;
    }
    Ok(())
}

/// Requests, alone and in the frames of a stream.
fn requests() -> io::Result<()> {
    let record = v1::Record {
        key: Some("key".into()),
        value: Some("value".into()),
        headers: vec![v1::Header {
            key: "h".into(),
            value: None,
        }],
        timestamp_ms: Some(1_700_000_000_000),
        ..v1::Record::default()
    };
    for compression in 0..5 {
        let records = v1::PlainRecords {
            records: vec![record.clone(), v1::Record::default(), record.clone()],
            compression,
            sequence: Some(v1::ProducerSequence {
                producer_id: 7,
                epoch: 1,
                base_sequence: 40,
            }),
        };
        let batch = v1::ProduceBatch {
            topic: "topic".to_owned(),
            partition: Some(1),
            payload: Some(Payload::Records(records)),
            expected_base_offset: None,
        };
        let request = v1::ProduceStreamRequest {
            batch: Some(batch.clone()),
            acks: 0,
        };
        let batches = vec![batch.clone(), batch];
        let unary = v1::ProduceRequest { batches, acks: 1 };
        let stream = request.encode_to_vec();
        let length = u32::try_from(stream.len()).unwrap_or(0).to_be_bytes();
        let framed = [&[0], &length[..], &stream].concat();
        let name = format!("produce-{compression}");
        write("rpc_records", &name, &unary.encode_to_vec())?;
        write("rpc_records", &format!("stream-{compression}"), &stream)?;
        write("rpc_requests", &name, &unary.encode_to_vec())?;
        write("rpc_frames", &name, &[&[9], &framed[..], &framed].concat())?;
    }
    let fetch = v1::FetchRequest {
        partitions: vec![v1::FetchPartition {
            topic: "topic".to_owned(),
            partition: 1,
            offset: 4,
            max_bytes: 100,
        }],
        max_bytes: 1 << 20,
        max_wait_ms: 500,
        ..v1::FetchRequest::default()
    };
    write("rpc_requests", "fetch", &fetch.encode_to_vec())?;
    let list = v1::ListTopicsRequest {
        page_size: 10,
        page_token: "after:topic".to_owned(),
        ..v1::ListTopicsRequest::default()
    };
    write("rpc_requests", "list-topics", &list.encode_to_vec())?;
    let create = v1::CreateTopicRequest {
        name: "topic".to_owned(),
        partitions: Some(3),
        configs: [("retention.ms".to_owned(), "1000".to_owned())].into(),
        ..v1::CreateTopicRequest::default()
    };
    write("rpc_requests", "create-topic", &create.encode_to_vec())
}

/// Three records with everything that a record can have.
fn sample(codec: Codec) -> Result<Batch, BuildError> {
    let mut builder = BatchBuilder::new(codec).with_producer(ProducerStamp {
        id: ProducerId::new(7),
        epoch: 1,
        base_sequence: 40,
    });
    let header = |value| RecordHeader {
        key: "h".into(),
        value,
    };
    let at = |millis: i64| Timestamp::from_millis(1_700_000_000_000 + millis);
    builder.push(at(0), Some(b"key"), Some(&[b'v'; 300]), &[]);
    let headers = [header(Some("1".into())), header(None)];
    builder.push(at(-70), None, Some(b""), &headers);
    builder.push(at(70_000), Some(b""), None, &[]);
    builder.build()
}

fn write(target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&directory)?;
    fs::write(directory.join(name), bytes)
}
