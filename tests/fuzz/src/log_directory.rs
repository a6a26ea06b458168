//! A whole data directory of arbitrary bytes, opened, read in every way, appended to and opened again.

use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;

use model::batch::{Batch, BatchBuilder, Codec};
use model::clock::SimulatedClock;
use model::{FilePosition, LogIndex, Term, Timestamp};
use segment_log::disk::SimulatedDisk;
use segment_log::fuzzing::framed;
use segment_log::{Log, LogDirectory, LogDirectorySettings, LogSettings};

const LOG: &str = "partitions/topic/0";
/// Each file, and the frame that the input is put into; none for segments.
const FILES: [(&str, Option<[u8; 4]>); 8] = [
    ("noted-ends", Some(*b"SLj1")),
    ("partitions/topic/0/start", Some(*b"SLs1")),
    ("partitions/topic/0/terms", Some(*b"SLt1")),
    ("partitions/topic/0/00000000000000000000.0.log", None),
    (
        "partitions/topic/0/00000000000000000000.0.index",
        Some(*b"SLi1"),
    ),
    (
        "partitions/topic/0/00000000000000000000.0.checkpoint",
        Some(*b"SLc1"),
    ),
    ("partitions/topic/0/00000000000000000003.3.log", None),
    ("partitions/topic/0/snapshot", Some(*b"SLc1")),
];

/// One input: per file `u8 what, u16 length, bytes`. Bit 0: there is such a file; bit 1: in a sound frame; bit 2: a
/// sound batch in front.
pub fn run(data: &[u8]) {
    let disk = SimulatedDisk::new(1);
    // Small, so that little is kept back in it.
    disk.set_capacity(4 << 20);
    lay_out(&disk, data);
    for _ in 0..2 {
        let clock = Arc::new(SimulatedClock::new(Timestamp::from_millis(1)));
        let settings = LogDirectorySettings {
            sync_threads: 0,
            ..LogDirectorySettings::default()
        };
        let Ok(directory) = LogDirectory::open(disk.mount(), clock, settings) else {
            return;
        };
        let Ok(log) = directory.open_log(Path::new(LOG), LogSettings::default()) else {
            return;
        };
        use_it(&log);
        drop((log, directory));
        disk.crash();
    }
}

fn lay_out(disk: &SimulatedDisk, mut data: &[u8]) {
    let mounted = disk.mount();
    mounted
        .create_directory(Path::new(LOG))
        .expect("a directory");
    for (path, magic) in FILES {
        let Some(([what, l0, l1], rest)) = data.split_first_chunk::<3>() else {
            break;
        };
        let length = usize::from(u16::from_be_bytes([*l0, *l1])).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        data = rest;
        if what & 1 == 0 {
            continue;
        }
        let mut content = match magic {
            Some(magic) if what & 2 != 0 => framed(magic, bytes),
            _ => bytes.to_vec(),
        };
        if magic.is_none() && what & 4 != 0 {
            content.splice(0..0, batch(0, 1).to_bytes());
        }
        let file = mounted.create(Path::new(path)).expect("a new file");
        file.write_at(FilePosition::ZERO, &[IoSlice::new(&content)])
            .expect("a write");
        file.sync().expect("a sync");
    }
    for directory in [LOG, ""] {
        mounted
            .sync_directory(Path::new(directory))
            .expect("a sync");
    }
}

fn batch(offset: u64, term: u64) -> Batch {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push(Timestamp::default(), None, Some(b"value"), &[]);
    let mut batch = builder.build().expect("a record");
    batch.stamp(model::Offset::new(offset), Term::new(term).expect("a term"));
    batch
}

fn use_it(log: &Log) {
    let ends = log.ends();
    let all = ends.first_index..ends.end_index;
    let _ = log.read_headers(all.clone(), 100);
    let _ = log.read_entries(all.clone(), 1 << 20);
    let _ = log.read_from(ends.first_offset, ends.end_offset, 1 << 20);
    let _ = log.offset_for_timestamp(Timestamp::default(), ends.end_offset);
    let _ = log.verify(all);
    let _ = (log.segments(), log.terms(), log.term_at(ends.first_index));
    let _ = (log.read_snapshot(), log.read_checkpoint(LogIndex::ZERO));
    let _ = log.checkpoints();
    let term = ends.last.map_or(1, |last| last.term.get().max(1));
    let next = batch(ends.end_offset.get(), term);
    if log
        .append(ends.end_index, vec![next], Box::new(|_| ()))
        .is_ok()
        && log.sync().is_ok()
    {
        let found = log.read_entries(ends.end_index..log.ends().end_index, 1);
        assert_eq!(found.expect("it was just written").len(), 1);
    }
}
