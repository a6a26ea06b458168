//! Damaged replicas of a state group: repaired from the others, and stopped until then.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::ReplicaId;
use replication::{GroupStart, OpenGroupError, StateGroup};
use segment_log::disk::{SimulatedDisk, durable};

use crate::harness::{PATIENCE, Process, until};
use crate::network::Network;
use crate::states::Sum;

const ID: u16 = 7;
const NAME: &str = "sum";

/// A member's process and group, while they run.
type Running = (Process, Option<StateGroup<Sum>>);

/// Three replicas of a state group.
struct States {
    network: Arc<Network>,
    disks: Vec<SimulatedDisk>,
    running: Vec<Option<Running>>,
    sum: u64,
}

impl States {
    async fn start() -> Self {
        let mut states = Self {
            network: Arc::default(),
            disks: (0..3).map(|n| SimulatedDisk::new(n + 1)).collect(),
            running: vec![None, None, None],
            sum: 0,
        };
        for replica in 0..3 {
            states.open(replica).await.expect("opens");
        }
        states
    }

    /// Opens the group of a replica, starting its process where it does not run.
    async fn open(&mut self, replica: usize) -> Result<(), OpenGroupError> {
        let id = ReplicaId::new(replica as u64);
        let (process, group) = self.running[replica].get_or_insert_with(|| {
            let disk = self.disks[replica].mount();
            (Process::member(disk, id, self.network.of(id)), None)
        });
        let start = GroupStart::Found((0..3).map(ReplicaId::new).collect());
        let opened = process
            .replication
            .open_state_group(ID, NAME, Sum::default(), start);
        *group = Some(opened.await?);
        Ok(())
    }

    /// Opens a damaged replica, and has it repaired. Returns what was wrong.
    async fn open_damaged(&mut self, replica: usize) -> String {
        let error = self.open(replica).await.expect_err("is damaged");
        assert!(error.is_damage(), "{error}");
        let suspects = error.suspect().map(PathBuf::from).into_iter().collect();
        let others = (0..3).filter(move |other| *other != replica);
        let others = others.map(|other| ReplicaId::new(other as u64));
        let others: Vec<_> = others.collect();
        let (process, _) = self.running[replica].as_ref().expect("runs");
        let others = Arc::new(move || others.clone());
        process
            .replication
            .repair_state_group(ID, NAME, others, suspects)
            .await;
        error.to_string()
    }

    /// Opens the groups of these replicas, each as soon as its repair lets it: the others may need it.
    async fn repaired(&mut self, replicas: &[usize]) {
        let give_up = std::time::Instant::now() + PATIENCE;
        while replicas.iter().any(|one| self.group(*one).is_none()) {
            for replica in replicas {
                if self.group(*replica).is_none()
                    && let Err(error) = self.open(*replica).await
                {
                    let is_repairing = matches!(error, OpenGroupError::Repairing { .. });
                    assert!(is_repairing, "{error}");
                    assert!(std::time::Instant::now() < give_up, "{error}");
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn group(&self, replica: usize) -> Option<&StateGroup<Sum>> {
        self.running[replica].as_ref()?.1.as_ref()
    }

    async fn stop(&mut self, replica: usize) {
        let (process, group) = self.running[replica].take().expect("runs");
        drop(group);
        process.stop().await;
    }

    /// Adds some large commands, from wherever they can be proposed.
    async fn add(&mut self, count: u64) {
        let command = Bytes::from(vec![1; 100 << 10]);
        for _ in 0..count {
            let tried = async {
                loop {
                    let mut groups = (0..3).filter_map(|replica| self.group(replica));
                    if let Some(leader) = groups.find(|group| group.status().serves) {
                        leader.propose(command.clone()).await.expect("is applied");
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            let tried = tokio::time::timeout(PATIENCE, tried).await;
            tried.expect("somebody serves in time");
            self.sum += 1;
        }
    }

    /// Waits until all running replicas have the same state.
    async fn agree(&self) {
        for group in (0..3).filter_map(|replica| self.group(replica)) {
            until(|| group.read(|sum| (sum.sum, sum.count)) == (self.sum, self.sum)).await;
        }
    }

    /// The files of a replica whose names end so.
    fn files(&self, replica: usize, suffix: &str) -> Vec<PathBuf> {
        let directory = Path::new("state").join(NAME);
        let listed = self.disks[replica].mount().list(&directory).unwrap();
        let names = listed.into_iter().map(|entry| entry.name);
        let wanted = names.filter(|name| name.ends_with(suffix));
        wanted.map(|name| directory.join(name)).collect()
    }

    fn damage_states(&self, replica: usize) {
        let mut states = self.files(replica, "snapshot");
        assert_eq!(states.len(), 1);
        states.extend(self.files(replica, ".checkpoint"));
        for file in states {
            self.disks[replica].flip_bit(&file, 30, 3).unwrap();
        }
    }

    /// Flips a bit amid what a segment holds, the first or the last one.
    fn damage_log(&self, replica: usize, is_last: bool) -> PathBuf {
        let mut files = self.files(replica, ".log");
        files.sort();
        let file = match is_last {
            true => files.pop().unwrap(),
            false => files.remove(0),
        };
        let disk = &self.disks[replica];
        let bytes = durable::read_small_file(&*disk.mount(), &file, 1 << 24);
        let bytes = bytes.unwrap().unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64;
        disk.flip_bit(&file, used / 2, 3).unwrap();
        file
    }

    async fn end(mut self) {
        for replica in 0..3 {
            self.stop(replica).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_snapshot_of_a_state_group_comes_from_the_leader() {
    let mut states = States::start().await;
    states.add(35).await;
    states.agree().await;
    for damaged in 0..3 {
        until(|| !states.files(damaged, "snapshot").is_empty()).await;
        states.stop(damaged).await;
        states.damage_states(damaged);
        states.add(3).await;
        let wrong = states.open_damaged(damaged).await;
        assert!(wrong.contains("state/sum/snapshot"), "{wrong}");
        states.repaired(&[damaged]).await;
        states.add(12).await;
        states.agree().await;
    }
    states.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_anywhere_in_the_log_of_a_state_group_is_found_at_the_start_and_repaired() {
    let mut states = States::start().await;
    states.add(25).await;
    for (damaged, is_last) in [(0, false), (1, true), (2, false)] {
        states.agree().await;
        states.stop(damaged).await;
        let file = states.damage_log(damaged, is_last);
        states.add(2).await;
        let wrong = states.open_damaged(damaged).await;
        let name = file.display().to_string();
        assert!(wrong.contains(&name) && wrong.contains("byte"), "{wrong}");
        states.repaired(&[damaged]).await;
        states.add(2).await;
    }
    states.agree().await;
    states.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_state_replicas_damaged_in_different_places_repair_each_other() {
    let mut states = States::start().await;
    states.add(35).await;
    states.agree().await;
    for replica in 0..3 {
        until(|| !states.files(replica, "snapshot").is_empty()).await;
        states.stop(replica).await;
    }
    states.damage_states(0);
    states.damage_log(1, true);
    states.damage_log(2, false);
    for replica in 0..3 {
        states.open_damaged(replica).await;
    }
    states.repaired(&[0, 1, 2]).await;
    states.add(3).await;
    states.agree().await;
    states.end().await;
}
