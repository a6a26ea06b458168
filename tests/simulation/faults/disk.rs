//! Disks that fail, are slow or full, and what they hold goes bad.

use std::path::PathBuf;
use std::time::Duration;

use segment_log::disk::Disk;
use strandline_tests::chance::Chance;
use tokio::time::sleep;

use super::Injector;
use crate::coverage::Fault;
use crate::damage::{Harm, harm};
use crate::node::group_path;
use crate::trace::note;

/// What a disk holds that is never full.
const NO_LIMIT: u64 = 1 << 40;

impl Injector {
    pub(super) fn disk(&mut self, fault: Fault) -> bool {
        let at = self.any_node();
        let pause = self
            .chance
            .duration(Duration::from_millis(100), Duration::from_secs(4));
        let mut state = self.cluster.lock();
        let node = &state.nodes[at];
        let disk = node.disk.clone();
        let mut harmed = Vec::new();
        match fault {
            Fault::FailingSync => disk.fail_next_sync(self.chance.pick(&[".log", "votes", ""])),
            Fault::FullDisk => disk.set_capacity(self.chance.below(200_000)),
            Fault::SlowDisk => {
                if let Some(running) = &node.running {
                    let longest = Duration::from_millis(50 + self.chance.below(400));
                    running.process.set_device_delay(longest / 4..longest);
                }
            }
            _ => {
                let Some((path, length)) = any_file(&disk, &mut self.chance) else {
                    return false;
                };
                let from = self.chance.below(length);
                let harm = disk.fail_reads(&path, from..from + 4096);
                harmed.extend(harm.is_ok().then_some(path));
                let replica = node.replica;
                state.unreadable.insert(replica);
            }
        }
        drop(state);
        let cluster = self.cluster.clone();
        tokio::spawn(async move {
            sleep(pause).await;
            let state = cluster.lock();
            let node = &state.nodes[at];
            match fault {
                Fault::FullDisk => node.disk.set_capacity(NO_LIMIT),
                Fault::SlowDisk => {
                    if let Some(running) = &node.running {
                        running.process.set_device_delay(node.device_delay.clone());
                    }
                }
                // The file may be gone by now.
                _ => harmed
                    .iter()
                    .for_each(|path| drop(node.disk.heal_reads(path))),
            }
        });
        true
    }

    /// Something of what is stored goes bad.
    pub(super) fn damage(&mut self, fault: Fault) -> bool {
        let at = self.any_node();
        // Where ends cannot be noted, damage near the end cannot be told from a torn write.
        let notes =
            !self.faults.contains(&Fault::FailingSync) && !self.faults.contains(&Fault::FullDisk);
        let mut state = self.cluster.lock();
        // Of two voters, one alone may hold the last entries: where these go bad nobody else has them, nor says that they
        // were never committed.
        let voters = state.up().map(|found| found.status.voters.len());
        let fewest = voters.filter(|voters| *voters > 0).min();
        if state.plan.has_lost_a_disk || fewest.is_none_or(|voters| voters < 3) {
            return false;
        }
        let replica = state.nodes[at].replica;
        let others = state.damaged.iter().filter(|(other, _)| **other != replica);
        let others: Vec<Harm> = others.flat_map(|(_, harms)| harms.clone()).collect();
        let own = state.damaged.get(&replica).cloned().unwrap_or_default();
        let settled = if notes { state.nodes[at].settled() } else { 0 };
        let may_lose = state.may_lose_a_disk();
        let disk = state.nodes[at].disk.clone();
        let is_misdirected = fault == Fault::MisdirectedWrite;
        let done = harm(
            &disk,
            settled,
            (&own, &others),
            is_misdirected,
            may_lose,
            &mut self.chance,
        );
        let Some(harm) = done else { return false };
        note!(
            self.trace,
            "damage of {replica}: {} byte {}, entries {:?}",
            harm.path.display(),
            harm.position,
            harm.entries
        );
        state.damaged.entry(replica).or_default().push(harm);
        true
    }
}

/// A file of the group that is not empty.
fn any_file(disk: &impl Disk, chance: &mut Chance) -> Option<(PathBuf, u64)> {
    let files = disk.list(&group_path()).ok()?;
    let files: Vec<_> = files
        .into_iter()
        .filter(|file| !file.is_directory && file.length > 0)
        .collect();
    let file = files.get(chance.below(files.len() as u64) as usize)?;
    Some((group_path().join(&file.name), file.length))
}
