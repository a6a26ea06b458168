//! What stands in a group's way for a while, or can be replaced: no file handle left, a snapshot that is damaged.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{Offset, PartitionIndex, ReplicaId, Timestamp};
use parking_lot::Mutex;
use replication::{GroupStart, LogGroup, Members, Reconfigured};
use segment_log::disk::{CacheId, DirectoryEntry, Disk, DiskFile, SimulatedDisk};

use crate::harness::{Process, TOPIC, append, batch, read_all, small_segments, stamped, until};
use crate::network::Network;

/// `EMFILE`: too many open files.
const NO_HANDLE: i32 = 24;

/// A disk that has no handle for files whose names hold a text, or for the deletion of all files of a directory.
struct Scarce {
    disk: Arc<dyn Disk>,
    refused: Mutex<Option<&'static str>>,
    deletes_halves: AtomicBool,
}

impl Scarce {
    fn new(disk: Arc<dyn Disk>) -> Arc<Self> {
        let refused = Mutex::default();
        let deletes_halves = AtomicBool::new(false);
        Arc::new(Self {
            disk,
            refused,
            deletes_halves,
        })
    }

    fn refuse(&self, names: Option<&'static str>) {
        *self.refused.lock() = names;
    }

    fn check(&self, path: &Path) -> io::Result<()> {
        let refused = *self.refused.lock();
        match refused.is_some_and(|text| path.to_string_lossy().contains(text)) {
            true => Err(io::Error::from_raw_os_error(NO_HANDLE)),
            false => Ok(()),
        }
    }
}

impl Disk for Scarce {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.check(path)?;
        self.disk.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.check(path)?;
        self.disk.open(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.disk.exists(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<DirectoryEntry>> {
        self.disk.list(directory)
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.disk.create_directory(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_file(path)
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        if self.deletes_halves.load(Ordering::Relaxed) {
            let files = self.disk.list(path)?;
            let newest = files.iter().map(|file| &file.name);
            let newest = newest.filter(|name| name.ends_with(".log")).max();
            self.disk.remove_file(&path.join(newest.unwrap()))?;
            return Err(io::Error::from_raw_os_error(NO_HANDLE));
        }
        self.disk.remove_directory(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_directory(path)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes()
    }

    fn cache_id(&self) -> io::Result<Option<CacheId>> {
        self.disk.cache_id()
    }
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(format!("partitions/{TOPIC}/0/{name}"))
}

/// Fills several segments, and waits until each state as of a base is stored.
async fn fill(group: &LogGroup) {
    append(group, stamped(8, 0, 0, 1)).await;
    for n in 0..50 {
        append(group, batch(&format!("value {n}"), 1)).await;
    }
    let base = group.log().last_base().unwrap();
    until(|| group.log().checkpoints().unwrap().contains(&base)).await;
}

async fn trim(group: &LogGroup, to: u64) {
    let to = Offset::new(to);
    let trimmed = group.set_log_start(to, Timestamp::from_millis(0)).await;
    assert_eq!(trimmed, Ok(to));
}

/// Whether the segments that hold nothing but records below this offset are gone.
fn is_trimmed(group: &LogGroup, to: u64) -> bool {
    group.log().segments()[0].end_offset > Offset::new(to)
}

#[tokio::test]
async fn a_damaged_snapshot_is_replaced_by_the_state_as_of_the_same_place() {
    let disk = SimulatedDisk::new(1);
    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    fill(&group).await;
    trim(&group, 25).await;
    until(|| is_trimmed(&group, 25)).await;
    let end = group.status().high_watermark;
    drop(group);
    process.stop().await;
    disk.flip_bit(&file("snapshot"), 40, 1).unwrap();

    for _ in 0..2 {
        let process = Process::start(disk.mount());
        let group = process.serve(&small_segments()).await;
        let status = group.status();
        assert_eq!(
            (status.log_start, status.high_watermark),
            (Offset::new(25), end)
        );
        assert_eq!(read_all(&group, Offset::new(25)).len(), 26);
        drop(group);
        process.stop().await;
    }
    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    trim(&group, 45).await;
    until(|| is_trimmed(&group, 45)).await;
    assert!(group.log().read_snapshot().unwrap().is_some());
    drop(group);
    process.stop().await;
}

#[tokio::test]
async fn a_snapshot_and_a_checkpoint_for_which_there_was_no_handle_are_stored_later() {
    for names in ["snapshot", "checkpoint"] {
        let disk = Scarce::new(SimulatedDisk::new(1).mount());
        let process = Process::start(disk.clone());
        let group = process.serve(&small_segments()).await;
        fill(&group).await;
        disk.refuse(Some(names));
        for n in 0..50 {
            append(&group, batch(&format!("later {n}"), 1)).await;
        }
        trim(&group, 100).await;
        // Until then nothing can go, or nothing above the last state that was stored.
        tokio::task::yield_now().await;
        assert!(!is_trimmed(&group, 95));
        disk.refuse(None);
        until(|| is_trimmed(&group, 95)).await;
        assert_eq!(group.status().stopped, None);
        drop(group);
        process.stop().await;
    }
}

#[tokio::test]
async fn segments_that_a_stopped_broker_had_yet_to_delete_go_after_its_restart() {
    let simulated = SimulatedDisk::new(1);
    let disk = Scarce::new(simulated.mount());
    let process = Process::start(disk.clone());
    let group = process.serve(&small_segments()).await;
    fill(&group).await;
    disk.refuse(Some("start"));
    trim(&group, 45).await;
    until(|| group.log().read_snapshot().unwrap().is_some()).await;
    assert!(!is_trimmed(&group, 45));
    drop(group);
    process.vanish().await;
    simulated.kill();

    let process = Process::start(simulated.mount());
    let group = process.serve(&small_segments()).await;
    until(|| is_trimmed(&group, 45)).await;
    drop(group);
    process.stop().await;
}

#[tokio::test]
async fn what_a_deletion_cut_short_has_left_is_a_newcomers() {
    let simulated = SimulatedDisk::new(1);
    let disk = Scarce::new(simulated.mount());
    let process = Process::start(disk.clone());
    let group = process.serve(&small_segments()).await;
    fill(&group).await;
    drop(group);
    disk.deletes_halves.store(true, Ordering::Relaxed);
    let partition = PartitionIndex::new(0);
    let removed = process.replication.remove_log_group(TOPIC, partition);
    assert!(removed.await.is_err());
    process.vanish().await;
    simulated.kill();

    // It is to be a member again, and would vote, or elect itself, with the rest of what it held.
    let marker = PathBuf::from(format!("partitions/{TOPIC}/0.joining"));
    assert!(simulated.mount().exists(&marker).unwrap());
    let process = Process::start(simulated.mount());
    let group = process.open_as(&small_segments(), GroupStart::Join).await;
    assert_eq!(group.unwrap().leader().0, None);
    let removed = process.replication.remove_log_group(TOPIC, partition);
    removed.await.unwrap();
    assert!(!simulated.mount().exists(&marker).unwrap());
    process.stop().await;
}

#[tokio::test]
async fn a_follower_is_fed_from_sealed_segments_once_there_are_handles_again() {
    let disk = Scarce::new(SimulatedDisk::new(1).mount());
    let process = Process::start(disk.clone());
    let group = process.serve(&small_segments()).await;
    fill(&group).await;
    drop(group);
    process.stop().await;

    let network = Arc::new(Network::default());
    let [first, second] = [0, 1].map(ReplicaId::new);
    let process = Process::member(disk.clone(), first, network.of(first));
    let group = process.serve(&small_segments()).await;
    let other = SimulatedDisk::new(2);
    let follower = Process::member(other.mount(), second, network.of(second));
    let settings = small_segments();
    let joined = follower.open_as(&settings, GroupStart::Join).await.unwrap();
    disk.refuse(Some(".log"));
    let mut wanted = Members::of_voters([first]);
    wanted.learners.insert(second);
    let stepped = group.reconfigure(&wanted).await;
    assert_eq!(stepped, Ok(Reconfigured::Stepped));
    let is_asked = || group.followers().iter().any(|one| one.silent_for.is_some());
    until(is_asked).await;
    assert_eq!(group.status().stopped, None);
    assert_eq!(joined.status().log_end, Offset::ZERO);
    disk.refuse(None);
    let end = group.status().high_watermark;
    until(|| joined.status().high_watermark == end).await;
    assert_eq!(group.status().stopped, None);
    drop((group, joined));
    process.stop().await;
    follower.stop().await;
}
