//! Everybody who produces and consumes.

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::producers::{one_by_one, streaming};
use super::readers::{ask_for_ends, tail};
use super::stage::{PARTITIONS, Stage};
use crate::chance::Chance;
use crate::harness::TIMEOUT;

/// Producers and consumers that outlive their brokers.
#[derive(Debug)]
pub struct Crowd {
    stage: Stage,
    tasks: JoinSet<()>,
}

impl Crowd {
    /// Per partition: a streaming producer with sequence numbers and one without, one that waits for each result, and
    /// a consumer; and one that asks for the ends.
    pub fn start(stage: &Stage, chance: &mut Chance) -> Self {
        let mut tasks = JoinSet::new();
        let mut seeds = || Chance::new(chance.next_u64());
        for partition in 0..PARTITIONS {
            tasks.spawn(streaming(stage.clone(), partition, true, seeds()));
            tasks.spawn(streaming(stage.clone(), partition, false, seeds()));
            tasks.spawn(one_by_one(stage.clone(), partition, seeds()));
            tasks.spawn(tail(stage.clone(), partition));
        }
        tasks.spawn(ask_for_ends(stage.clone()));
        Self {
            stage: stage.clone(),
            tasks,
        }
    }

    /// Ends it: what is under way is finished.
    pub async fn stop(mut self) {
        self.stage.stopping.send_replace(true);
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.expect("no part of the load panics");
            }
        };
        timeout(TIMEOUT, all).await.expect("the load ends in time");
    }
}
