//! What a `page-cache` log may have forgotten: known after a power cut, and until it is settled.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{Durability, LogIndex};
use segment_log::disk::{Disk, RealDisk, SimulatedDisk};
use segment_log::{Log, LogDirectory, LogSettings};

use crate::harness::{acknowledging, directory, fill, ignore, path, records};

fn page_cache() -> LogSettings {
    LogSettings {
        durability: Durability::PageCache,
        ..LogSettings::default()
    }
}

/// One run: the log with so many entries more, of which all but the first are written only; its directory still open.
fn run(disk: &SimulatedDisk, settings: &LogSettings, more: u64) -> (Arc<LogDirectory>, Log) {
    let directory = directory(disk.mount());
    let log = directory.open_log(path(), settings.clone()).unwrap();
    let end = log.ends().end_index.get();
    fill(&log, end + more.min(1));
    directory.run_round();
    fill(&log, end + more);
    (directory, log)
}

fn doubt(disk: &SimulatedDisk, settings: &LogSettings) -> Option<u64> {
    let (_directory, log) = run(disk, settings, 0);
    log.doubt()
}

#[test]
fn a_power_cut_puts_a_page_cache_log_in_doubt_and_a_killed_process_does_not() {
    let disk = SimulatedDisk::new(1);
    drop(run(&disk, &page_cache(), 5));
    disk.kill();
    assert_eq!(doubt(&disk, &page_cache()), None);
    disk.kill();
    drop(run(&disk, &page_cache(), 5));
    disk.crash();
    let found = doubt(&disk, &page_cache());
    assert_eq!(found, Some(4));
}

#[test]
fn an_fsync_log_is_never_in_doubt() {
    let disk = SimulatedDisk::new(1);
    drop(run(&disk, &LogSettings::default(), 5));
    disk.crash();
    assert_eq!(doubt(&disk, &LogSettings::default()), None);
}

#[test]
fn a_clean_end_leaves_no_doubt_whatever_happens_to_the_machine_then() {
    let disk = SimulatedDisk::new(1);
    let (directory, log) = run(&disk, &page_cache(), 5);
    directory.close().unwrap();
    drop((directory, log));
    disk.crash();
    let (_directory, log) = run(&disk, &page_cache(), 0);
    assert_eq!(log.doubt(), None);
    assert_eq!(log.ends().end_index, LogIndex::new(5));
}

#[test]
fn a_doubt_outlives_every_restart_until_it_is_settled() {
    let disk = SimulatedDisk::new(1);
    drop(run(&disk, &page_cache(), 5));
    disk.crash();
    assert_eq!(doubt(&disk, &page_cache()), Some(2));
    disk.kill();
    assert_eq!(doubt(&disk, &page_cache()), Some(2));
    let again = directory(disk.mount());
    again.close().unwrap();
    assert_eq!(doubt(&disk, &page_cache()), Some(2));
    // Another power cut is another doubt: who settles the first one has not settled this.
    disk.crash();
    assert_eq!(doubt(&disk, &page_cache()), Some(6));
    let (again, log) = run(&disk, &page_cache(), 0);
    assert_eq!(log.doubt(), Some(6));
    log.end_doubt().unwrap();
    assert_eq!(log.doubt(), None);
    drop((again, log));
    disk.kill();
    assert_eq!(doubt(&disk, &page_cache()), None);
}

#[test]
fn what_the_topic_says_now_does_not_matter_but_what_was_acknowledged() {
    // Made strict after it had acknowledged what was not synced: in doubt.
    let disk = SimulatedDisk::new(1);
    let (directory, log) = run(&disk, &page_cache(), 5);
    log.update_settings(LogSettings::default());
    drop((directory, log));
    disk.crash();
    assert_eq!(doubt(&disk, &LogSettings::default()), Some(2));
    // Opened as a strict one since then: not in doubt.
    let disk = SimulatedDisk::new(2);
    drop(run(&disk, &page_cache(), 5));
    disk.kill();
    let (directory, log) = run(&disk, &LogSettings::default(), 5);
    directory.note_ends();
    drop((directory, log));
    disk.crash();
    assert_eq!(doubt(&disk, &LogSettings::default()), None);
}

#[test]
fn a_log_made_lax_while_it_runs_notes_that_before_it_acknowledges_what_is_not_synced() {
    let disk = SimulatedDisk::new(1);
    let (directory, log) = run(&disk, &LogSettings::default(), 5);
    log.sync().unwrap();
    log.update_settings(page_cache());
    let acknowledged = Arc::new(AtomicU64::new(0));
    let append = |index: u64| {
        let batch = records(index, 1, 1, 10, 0);
        let done = acknowledging(&acknowledged, index + 1);
        log.append(LogIndex::new(index), vec![batch], done).unwrap();
        acknowledged.load(Ordering::SeqCst)
    };
    // Not before the note is durable, and with it what was appended.
    assert_eq!(append(5), 0);
    directory.run_round();
    assert_eq!(acknowledged.load(Ordering::SeqCst), 6);
    assert_eq!(append(6), 7);
    drop((directory, log));
    disk.crash();
    assert_eq!(doubt(&disk, &page_cache()), Some(2));
}

#[test]
fn what_must_be_synced_is_acknowledged_once_it_is() {
    let disk = SimulatedDisk::new(1);
    let (directory, log) = run(&disk, &page_cache(), 1);
    let acknowledged = Arc::new(AtomicU64::new(0));
    let done = acknowledging(&acknowledged, 2);
    let batch = records(1, 1, 1, 10, 0);
    log.append_synced(LogIndex::new(1), vec![batch], done)
        .unwrap();
    assert_eq!(acknowledged.load(Ordering::SeqCst), 0);
    // What comes behind it waits too: acknowledgements come in order.
    let done = acknowledging(&acknowledged, 3);
    let batch = records(2, 1, 1, 10, 0);
    log.append(LogIndex::new(2), vec![batch], done).unwrap();
    assert_eq!(acknowledged.load(Ordering::SeqCst), 0);
    directory.run_round();
    assert_eq!(acknowledged.load(Ordering::SeqCst), 3);
    drop((directory, log));
    disk.crash();
    let (_directory, log) = run(&disk, &page_cache(), 0);
    assert!(log.ends().end_index >= LogIndex::new(2));
}

#[test]
fn a_run_that_has_left_something_unsynced_does_not_end_cleanly() {
    // Its process was killed, and the next run, which ends well, has not opened it.
    let disk = SimulatedDisk::new(1);
    drop(run(&disk, &page_cache(), 5));
    disk.kill();
    directory(disk.mount()).close().unwrap();
    disk.crash();
    assert_eq!(doubt(&disk, &page_cache()), Some(3));
    // It was given up unsynced, and the run went on.
    for releases in [true, false] {
        let disk = SimulatedDisk::new(2);
        let (directory, log) = run(&disk, &page_cache(), 5);
        let kept = releases.then(|| {
            directory.release_log(path());
            log.clone()
        });
        drop(log);
        directory.close().unwrap();
        drop((directory, kept));
        disk.crash();
        assert_eq!(doubt(&disk, &page_cache()), Some(2));
    }
}

#[test]
fn a_log_deleted_or_made_after_the_power_cut_is_not_in_doubt() {
    let disk = SimulatedDisk::new(1);
    let other = Path::new("partitions/topic/1");
    drop(run(&disk, &page_cache(), 5));
    disk.crash();
    let first = directory(disk.mount());
    let made = first.open_log(other, page_cache()).unwrap();
    assert_eq!(made.doubt(), None);
    first.remove_log(path()).unwrap();
    let again = first.open_log(path(), page_cache()).unwrap();
    assert_eq!(again.doubt(), None);
    drop((first, made, again));
    disk.kill();
    assert_eq!(doubt(&disk, &page_cache()), None);
}

#[test]
fn wherever_the_power_goes_what_was_acknowledged_is_there_or_in_doubt() {
    for seed in crate::harness::seeds(300) {
        println!("STRAND_TEST_SEED={seed}");
        let disk = SimulatedDisk::new(seed);
        let acknowledged = Arc::new(AtomicU64::new(0));
        disk.write_fails_after(5 + seed % 90);
        let lived = || -> Option<()> {
            for life in 0..3 {
                let directory = crate::harness::try_directory(disk.mount())?;
                let log = directory.open_log(path(), page_cache()).ok()?;
                for _ in 0..5 {
                    let index = log.ends().end_index.get();
                    let batch = records(index, 1, 1, 100, 0);
                    let done = acknowledging(&acknowledged, index + 1);
                    log.append(LogIndex::new(index), vec![batch], done).ok()?;
                }
                if life == 1 {
                    directory.close().ok()?;
                }
            }
            Some(())
        };
        let _ = lived();
        disk.crash();
        let directory = directory(disk.mount());
        let log = directory.open_log(path(), page_cache()).unwrap();
        let there = log.ends().end_index.get();
        let promised = acknowledged.load(Ordering::SeqCst);
        assert!(
            there >= promised || log.doubt().is_some(),
            "{promised} were acknowledged, {there} are there"
        );
    }
}

#[test]
fn on_real_files_a_process_that_is_started_anew_has_forgotten_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let open = || {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(temporary.path()));
        directory(disk)
    };
    let first = open();
    let log = first.open_log(path(), page_cache()).unwrap();
    log.append(LogIndex::ZERO, vec![records(0, 1, 1, 10, 0)], ignore())
        .unwrap();
    drop((first, log));
    let second = open();
    let log = second.open_log(path(), page_cache()).unwrap();
    // Without a name for where its bytes live, nobody could tell.
    assert_eq!(log.doubt().is_some(), !cfg!(target_os = "linux"));
}
