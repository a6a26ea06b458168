//! The same code on real files, with its own threads.

use std::path::Path;
use std::sync::{Arc, mpsc};

use model::clock::SystemClock;
use model::{LogIndex, Offset};
use segment_log::disk::RealDisk;
use segment_log::{LogDirectory, LogDirectorySettings, LogSettings, dump};

use crate::harness::{entries, path, records};

fn open(root: &Path) -> Arc<LogDirectory> {
    let disk = Arc::new(RealDisk::new(root));
    LogDirectory::open(disk, Arc::new(SystemClock), LogDirectorySettings::default()).unwrap()
}

#[test]
fn entries_appended_on_a_real_disk_are_acknowledged_in_order_and_found_again() {
    let root = tempfile::tempdir().unwrap();
    let directory = open(root.path());
    let settings = LogSettings {
        segment_bytes: 64 << 10,
        ..LogSettings::default()
    };
    let log = directory.open_log(path(), settings.clone()).unwrap();
    let (told, answers) = mpsc::channel();
    let count = 500;
    for index in 0..count {
        let told = told.clone();
        let done =
            Box::new(move |outcome: Result<(), _>| told.send((index, outcome.is_ok())).unwrap());
        let batch = records(index, 1, 1, 500, 0);
        log.append(LogIndex::new(index), vec![batch], done).unwrap();
    }
    let answered: Vec<_> = answers.iter().take(count as usize).collect();
    assert_eq!(
        answered,
        (0..count).map(|index| (index, true)).collect::<Vec<_>>()
    );
    let whole = entries(&log);
    let fetched = log
        .read_from(Offset::new(3), Offset::new(count), 10_000)
        .unwrap();
    assert_eq!(fetched.batches[0][..100], whole[3].to_bytes()[..100]);
    directory.close().unwrap();
    drop((log, directory));

    let directory = open(root.path());
    let log = directory.open_log(path(), settings).unwrap();
    assert_eq!(entries(&log), whole);
    assert!(log.segments().len() > 3);
    let first = root.path().join(path()).join("00000000000000000000.0.log");
    let dumped: Vec<_> = dump(&first).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(dumped.iter().all(|batch| batch.problem.is_none()));
    assert_eq!(dumped.len() as u64, log.segments()[0].end_index.get());
    assert!(
        directory.open_log(path(), LogSettings::default()).is_err(),
        "it is open already"
    );
    directory.remove_log(path()).unwrap();
    assert!(!root.path().join(path()).exists());
}
