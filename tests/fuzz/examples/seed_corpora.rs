//! Writes a few sound inputs for each target into `corpus/<target>`, from which the fuzzer starts.

use std::fs;
use std::io;
use std::path::Path;

use metadata::ClusterState;
use model::batch::control::{self, ControlKind};
use model::batch::{Batch, BatchBuilder, BuildError, Codec, ProducerStamp, RecordHeader};
use model::{ProducerId, Timestamp};

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
    Ok(())
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
