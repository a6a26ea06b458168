//! The term table must say what the stored batches say, also where a new leader's log holds lower terms than the
//! entries that were cut off.

use model::{LogId, LogIndex, Offset, Term};
use segment_log::disk::SimulatedDisk;
use segment_log::{Log, LogSettings};

use crate::harness::{directory, entries, ignore, open, path, records};

fn append(log: &Log, term: u64) {
    let ends = log.ends();
    let batch = records(ends.end_offset.get(), term, 1, 50, 0);
    log.append(ends.end_index, vec![batch], ignore()).unwrap();
}

#[test]
fn entries_of_an_earlier_term_appended_after_a_cut_survive_a_restart() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &LogSettings::default()).unwrap();
    for term in [1, 1, 7] {
        append(&log, term);
    }
    log.sync().unwrap();
    log.truncate_after(Some(LogIndex::new(1))).unwrap();
    // The leader's log has another entry of term 1 here.
    append(&log, 1);
    log.sync().unwrap();
    let whole = entries(&log);
    drop(log);
    disk.crash();
    let log = open(&disk, &LogSettings::default()).unwrap();
    assert_eq!(entries(&log), whole);
}

#[test]
fn entries_of_an_earlier_term_appended_after_a_torn_tail_survive_a_restart() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &LogSettings::default()).unwrap();
    append(&log, 1);
    log.sync().unwrap();
    append(&log, 7);
    log.sync().unwrap();
    let length = log.segments()[0].bytes;
    drop(log);
    disk.kill();
    let file = path().join("00000000000000000000.0.log");
    let file = disk.mount().open(&file).unwrap();
    file.set_length(length - 1).unwrap();
    file.sync().unwrap();
    let log = open(&disk, &LogSettings::default()).unwrap();
    assert_eq!(log.ends().end_index, LogIndex::new(1));
    append(&log, 1);
    log.sync().unwrap();
    let whole = entries(&log);
    drop(log);
    disk.crash();
    let log = open(&disk, &LogSettings::default()).unwrap();
    assert_eq!(entries(&log), whole);
}

#[test]
fn a_reset_to_an_earlier_term_survives_a_restart_before_and_after_the_next_entry() {
    let disk = SimulatedDisk::new(1);
    let directory = directory(disk.mount());
    let log = directory.open_log(path(), LogSettings::default()).unwrap();
    append(&log, 7);
    log.sync().unwrap();
    let upto = LogId {
        term: Term::new(5).unwrap(),
        index: LogIndex::new(100),
    };
    log.purge(upto, Offset::new(40)).unwrap();
    drop((log, directory));
    disk.crash();
    let log = open(&disk, &LogSettings::default()).unwrap();
    append(&log, 6);
    log.sync().unwrap();
    assert_eq!(log.term_at(LogIndex::new(101)), Term::new(6));
    let whole = entries(&log);
    drop(log);
    disk.crash();
    let log = open(&disk, &LogSettings::default()).unwrap();
    assert_eq!(entries(&log), whole);
}
