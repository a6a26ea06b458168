//! What lies on the brokers' disks: entries to compare, and places to damage.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use checker::{ReplicaEntries, diverging};
use strandline_tests::chance::Chance;
use strandline_tests::harness::segment_files;

use crate::scene::Scene;

/// A segment's file, and how many bytes of it are batches.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    bytes: u64,
}

/// The segments of one partition on one broker's disk, in order, but for those without a batch; the last is in use.
pub(crate) fn segments(data: &Path, partition: u32) -> Vec<Segment> {
    let number = partition.to_string();
    let of_partition = |path: &PathBuf| {
        let directory = path.parent().and_then(Path::file_name);
        directory.is_some_and(|directory| directory == number.as_str())
    };
    let files = segment_files(data).into_iter().filter(of_partition);
    let about = files.map(|path| {
        let batches = segment_log::dump(&path).expect("a segment opens");
        let end = |bytes: u64, batch: segment_log::DumpedBatch| {
            bytes.max(batch.position.get() + batch.batch.total_bytes() as u64)
        };
        let bytes = batches.map_while(Result::ok).fold(0, end);
        Segment { path, bytes }
    });
    about.filter(|segment| segment.bytes > 0).collect()
}

impl Segment {
    /// Flips one bit of its batches.
    pub(crate) fn flip_a_bit(&self, chance: &mut Chance) {
        let at = chance.below(self.bytes);
        let bit = 1_u8 << chance.below(8);
        let file = File::options().read(true).write(true).open(&self.path);
        let file = file.expect("a segment opens");
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("a byte is read");
        file.write_all_at(&[byte[0] ^ bit], at)
            .expect("a byte is written");
        println!(
            "bit {bit:#04x} of byte {at} of {} is flipped",
            self.path.display()
        );
    }

    /// Whether every batch in it is as it was written.
    pub(crate) fn is_sound(&self) -> bool {
        let Ok(batches) = segment_log::dump(&self.path) else {
            return false;
        };
        let mut bytes = 0;
        for batch in batches {
            match batch {
                Ok(batch) if batch.problem.is_none() => {
                    bytes = batch.position.get() + batch.batch.total_bytes() as u64;
                }
                Ok(_) | Err(_) => return false,
            }
        }
        bytes >= self.bytes
    }
}

/// Fails where the disks of the members, none of which runs, do not hold the same.
#[track_caller]
pub(crate) fn assert_equal(scene: &Scene<'_>, partitions: u32) {
    for partition in 0..partitions {
        let entries = |id: u32| {
            let log = read(scene.cluster.data(id), partition);
            (format!("broker {id}"), log)
        };
        let logs: BTreeMap<_, _> = scene.members().into_iter().map(entries).collect();
        let found = diverging(partition, &logs);
        let shown: Vec<_> = found.iter().take(10).map(ToString::to_string).collect();
        assert!(
            found.is_empty(),
            "{} of them:\n{}",
            found.len(),
            shown.join("\n")
        );
        let counts: Vec<_> = logs.values().map(BTreeMap::len).collect();
        println!("partition {partition}: entries on each disk: {counts:?}");
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    }
}

fn read(data: &Path, partition: u32) -> ReplicaEntries {
    let mut entries = ReplicaEntries::new();
    for segment in segments(data, partition) {
        let bytes = fs::read(&segment.path).expect("a segment reads");
        for batch in segment_log::dump(&segment.path).expect("a segment opens") {
            let batch = batch.expect("a batch reads");
            assert_eq!(batch.problem, None, "{}", segment.path.display());
            let from = usize::try_from(batch.position.get()).expect("segments are small");
            let mut hasher = DefaultHasher::new();
            bytes[from..from + batch.batch.total_bytes()].hash(&mut hasher);
            entries.insert(batch.index.get(), hasher.finish());
        }
    }
    entries
}
