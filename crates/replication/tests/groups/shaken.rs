//! Three replicas shaken by chance: crashes, cuts, handovers, trims, batches left on their way. Whatever was
//! acknowledged stands in every log, once and in its place. The seed is printed, and taken from `STRAND_TEST_SEED`.

use std::time::Duration;

use model::{Offset, ReplicaId, Timestamp};

use replication::{Members, Reconfigured};

use crate::harness::{PATIENCE, read_all, stamped};
use crate::trio::Cluster;

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

fn seeds() -> Vec<u64> {
    match std::env::var("STRAND_TEST_SEED") {
        Ok(seed) => vec![seed.parse().expect("STRAND_TEST_SEED is a number")],
        Err(_) => (1..=3).collect(),
    }
}

/// What is wrong at the moment: one thing at a time, so that two replicas can always go on.
#[derive(PartialEq)]
enum Trouble {
    None,
    Down(u64),
    Cut,
}

struct Shaking {
    cluster: Cluster,
    chance: Chance,
    trouble: Trouble,
    next: i32,
    trimmed: u64,
}

impl Shaking {
    async fn end_trouble(&mut self) {
        match std::mem::replace(&mut self.trouble, Trouble::None) {
            Trouble::None => {}
            Trouble::Cut => self.cluster.network.heal(),
            Trouble::Down(replica) => self.cluster.start(replica).await,
        }
    }

    async fn step(&mut self) {
        match self.chance.below(12) {
            0 | 1 => {
                self.end_trouble().await;
                self.restore_voters().await;
                let replica = self.chance.below(3);
                self.cluster.crash(replica).await;
                self.trouble = Trouble::Down(replica);
            }
            2 | 3 => {
                self.end_trouble().await;
                self.restore_voters().await;
                let lonely = self.chance.below(3);
                self.cluster.network.cut(lonely, (lonely + 1) % 3);
                // Sometimes two that are cut off from each other both reach the third.
                if self.chance.below(3) > 0 {
                    self.cluster.network.cut(lonely, (lonely + 2) % 3);
                }
                self.trouble = Trouble::Cut;
            }
            4 => self.end_trouble().await,
            5 => {
                let to = ReplicaId::new(self.chance.below(3));
                let leader = self.cluster.leader().await;
                // It may fail, and often does.
                let _ = self.cluster.group(leader).transfer_leadership(to).await;
            }
            6 => {
                let leader = self.cluster.leader().await;
                let to = self.chance.below(self.next as u64 + 1);
                let group = self.cluster.group(leader);
                let never = Timestamp::from_millis(0);
                let trimmed = group.set_log_start(Offset::new(to), never);
                // A leader that is cut off does not answer.
                let trimmed = tokio::time::timeout(Duration::from_secs(1), trimmed).await;
                if let Ok(Ok(start)) = trimmed {
                    self.trimmed = self.trimmed.max(start.get());
                }
            }
            7 => {
                // On their way when something else happens; some replica takes them, or none.
                let replica = self.cluster.running()[0];
                let batches = (self.next..self.next + 5).map(|n| stamped(1, 0, n, 1));
                drop(self.cluster.propose_all(replica, batches).await);
            }
            8 | 9 => self.step_towards_other_voters().await,
            _ => self.produce(5).await,
        }
    }

    /// One step towards one voter less, or all three again. It may fail, or be cut short.
    async fn step_towards_other_voters(&mut self) {
        let left_out = self.chance.below(6);
        let wanted = (0..3)
            .filter(|replica| *replica != left_out)
            .map(ReplicaId::new);
        let wanted = Members::of_voters(wanted);
        let leader = self.cluster.leader().await;
        if self.trouble == Trouble::None || wanted.voters.len() == 3 {
            let step = self.cluster.group(leader).reconfigure(&wanted);
            let _ = tokio::time::timeout(Duration::from_secs(1), step).await;
        }
    }

    /// Every replica votes, as in the beginning.
    async fn restore_voters(&mut self) {
        let wanted = Members::of_voters((0..3).map(ReplicaId::new));
        let restored = async {
            loop {
                let leader = self.cluster.leader().await;
                match self.cluster.group(leader).reconfigure(&wanted).await {
                    Ok(Reconfigured::Done) => return,
                    _ => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        let restored = tokio::time::timeout(PATIENCE, restored).await;
        restored.expect("all of them vote in time");
    }

    async fn produce(&mut self, count: i32) {
        for _ in 0..count {
            let n = self.next;
            let offset = self.cluster.produce(stamped(1, 0, n, 1)).await;
            assert_eq!(offset, n as u64, "the batch stands where it stood, or next");
            self.next += 1;
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_stands_in_every_log_once_and_in_its_place() {
    for seed in seeds() {
        eprintln!("STRAND_TEST_SEED={seed}");
        let mut shaking = Shaking {
            cluster: Cluster::of_three().await,
            chance: Chance(seed),
            trouble: Trouble::None,
            next: 0,
            trimmed: 0,
        };
        shaking.produce(1).await;
        for _ in 0..40 {
            shaking.step().await;
        }
        shaking.end_trouble().await;
        shaking.restore_voters().await;
        shaking.produce(10).await;
        let Shaking { cluster, next, .. } = shaking;
        cluster.caught_up(next as u64).await;
        cluster.same_logs().await;
        for replica in 0..3 {
            let status = cluster.group(replica).status();
            assert_eq!(status.stopped, None);
            assert!(status.log_start.get() >= shaking.trimmed, "{status:?}");
            let found = read_all(cluster.group(replica), status.log_start);
            let mut offset = status.log_start.get();
            for batch in found {
                let header = batch.header();
                assert!(header.base_offset().get() <= offset);
                let sequence = header.producer().map(|stamp| stamp.base_sequence as u64);
                assert_eq!(sequence, Some(header.base_offset().get()));
                offset = header.end_offset().get();
            }
            assert_eq!(offset, next as u64);
        }
        cluster.stop_all().await;
    }
}
