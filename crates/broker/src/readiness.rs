//! Whether the broker serves everything it holds, and if not, what is missing and why.

use std::fmt;
use std::sync::atomic::Ordering;

use metadata::Topic;
use model::{Offset, PartitionIndex, ReplicaId, TopicId, TopicName};
use replication::peer::GroupId;

use crate::partitions::{Local, LocalPartition};
use crate::{Broker, NotJoined, PartitionError};

/// Whether every local partition is recovered, has a leader that serves, and shows everything that was durable
/// before the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// How many partitions are local.
    pub partitions: usize,
    /// Why the cluster's metadata does not serve, where it does not.
    pub metadata: Option<String>,
    /// Those that are not ready, by topic name and partition.
    pub not_ready: Vec<NotReady>,
}

impl Readiness {
    /// Whether nothing is missing.
    pub fn is_ready(&self) -> bool {
        self.metadata.is_none() && self.not_ready.is_empty()
    }
}

/// A partition that is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReady {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// Why.
    pub reason: NotReadyReason,
}

/// Why a partition is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotReadyReason {
    /// It is being opened, could not be opened, or has stopped.
    Unusable(PartitionError),
    /// Nobody leads it.
    NoLeader,
    /// Its leader has not yet committed an entry of its own term.
    LeaderNotYetServing,
    /// This replica lacks more than the bound of what the leader has, as the leader tells.
    CatchingUp,
    /// Its high watermark lies below what was durable before the start.
    Behind {
        /// The high watermark.
        high_watermark: Offset,
        /// The end that was durable.
        durable_end: Offset,
    },
}

impl fmt::Display for NotReadyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(error) => error.fmt(f),
            Self::NoLeader => f.write_str("it has no leader"),
            Self::LeaderNotYetServing => f.write_str("its leader does not serve yet"),
            Self::CatchingUp => f.write_str("the replica here is catching up with its leader"),
            Self::Behind {
                high_watermark,
                durable_end,
            } => write!(
                f,
                "its high watermark is {high_watermark}, records were durable up to {durable_end}"
            ),
        }
    }
}

/// What is known of an open partition.
#[derive(Clone, Copy, Debug)]
struct Facts {
    leader: Option<ReplicaId>,
    /// Whether this replica leads.
    leads: bool,
    serves: bool,
    /// Whether the leader counts this replica as keeping up; `None` where it has not told.
    keeps_up: Option<bool>,
    /// Whether this replica comes or goes in a move that began under a broker which was ready. Its catching up is the
    /// move's progress: it takes nothing from anybody, and must not hold up evictions and updates.
    passes_through: bool,
    high_watermark: Offset,
    durable_at_start: Offset,
}

impl Broker {
    /// Whether every local partition serves all that it should.
    pub fn readiness(&self) -> Readiness {
        let mut readiness = Readiness {
            metadata: self.metadata_problem(),
            ..Readiness::default()
        };
        for topic in self.partitions.topics().values() {
            for (index, slot) in (0..).zip(&topic.slots) {
                let partition = PartitionIndex::new(index);
                let Some(local) = slot.local() else { continue };
                readiness.partitions += 1;
                if let Some(reason) = self.judge_slot(&topic.topic, partition, local) {
                    readiness.not_ready.push(NotReady {
                        topic: topic.topic.name().clone(),
                        partition,
                        reason,
                    });
                }
            }
        }
        let by_place = |left: &NotReady, right: &NotReady| {
            (&left.topic, left.partition).cmp(&(&right.topic, right.partition))
        };
        readiness.not_ready.sort_by(by_place);
        if readiness.is_ready() {
            self.was_ready.store(true, Ordering::Relaxed);
        }
        readiness
    }

    /// Whether the leader of a partition counts the replica here as keeping up.
    fn keeps_up(&self, topic: TopicId, partition: &LocalPartition) -> Option<bool> {
        let group = GroupId::Log {
            topic,
            partition: partition.partition,
        };
        let view = self.leader_view(&partition.topic, group)?;
        let has_told = !view.in_sync.is_empty();
        has_told.then(|| view.in_sync.contains(&self.replica()))
    }

    fn metadata_problem(&self) -> Option<String> {
        if self.is_stopping() {
            return Some(PartitionError::ShuttingDown.to_string());
        }
        if let Err(NotJoined { reason }) = self.joined() {
            return Some(reason);
        }
        let stuck = self.metadata.read(|machine| machine.stuck().cloned());
        let status = self.metadata.status();
        match (stuck, status.stopped) {
            (Some(error), _) => Some(error.to_string()),
            (None, Some(reason)) => Some(reason.to_string()),
            (None, None) => (!status.serves && status.leader.is_none())
                .then(|| "the cluster's metadata has no leader".to_owned()),
        }
    }

    fn judge_slot(
        &self,
        topic: &Topic,
        partition: PartitionIndex,
        local: Local,
    ) -> Option<NotReadyReason> {
        match local {
            Local::Opening => Some(NotReadyReason::Unusable(PartitionError::Opening {
                topic: topic.name().clone(),
                partition,
            })),
            Local::Failed { error, .. } => Some(NotReadyReason::Unusable(error)),
            Local::Open(partition) => self.judge_open(topic, &partition),
        }
    }

    /// Whether the replica here comes or goes in a move.
    fn is_moving(&self, topic: &Topic, partition: PartitionIndex) -> bool {
        let here = self.replica();
        topic.partition(partition).is_some_and(|placed| {
            placed.removing.contains(&here) || placed.adding().any(|replica| replica == here)
        })
    }

    fn judge_open(&self, topic: &Topic, partition: &LocalPartition) -> Option<NotReadyReason> {
        let status = partition.group.status();
        if let Some(reason) = status.stopped {
            return Some(NotReadyReason::Unusable(partition.stopped(&reason)));
        }
        judge(Facts {
            leader: status.leader,
            leads: status.leader == Some(self.replica()),
            serves: status.serves,
            keeps_up: self.keeps_up(topic.id(), partition),
            passes_through: self.was_ready.load(Ordering::Relaxed)
                && self.is_moving(topic, partition.partition),
            high_watermark: status.high_watermark,
            // A leader without them has cut records off that no quorum had: nobody waits for those.
            durable_at_start: partition.durable_at_start.min(status.log_end),
        })
    }
}

/// Why a partition that is open and runs is not ready yet. Pure.
fn judge(facts: Facts) -> Option<NotReadyReason> {
    if facts.leader.is_none() {
        Some(NotReadyReason::NoLeader)
    } else if facts.leads && !facts.serves {
        Some(NotReadyReason::LeaderNotYetServing)
    } else if facts.passes_through {
        None
    } else if !facts.leads && facts.keeps_up == Some(false) {
        Some(NotReadyReason::CatchingUp)
    } else if facts.high_watermark < facts.durable_at_start {
        Some(NotReadyReason::Behind {
            high_watermark: facts.high_watermark,
            durable_end: facts.durable_at_start,
        })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: Facts = Facts {
        leader: Some(ReplicaId::new(0)),
        leads: true,
        serves: true,
        keeps_up: Some(true),
        passes_through: false,
        high_watermark: Offset::new(10),
        durable_at_start: Offset::new(10),
    };

    #[test]
    fn a_partition_is_ready_once_its_leader_shows_all_that_was_durable() {
        assert_eq!(judge(READY), None);
        let behind = Facts {
            high_watermark: Offset::new(9),
            ..READY
        };
        assert_eq!(
            judge(behind),
            Some(NotReadyReason::Behind {
                high_watermark: Offset::new(9),
                durable_end: Offset::new(10),
            })
        );
    }

    #[test]
    fn a_partition_without_a_leader_that_serves_is_not_ready() {
        let leaderless = Facts {
            leader: None,
            ..READY
        };
        assert_eq!(judge(leaderless), Some(NotReadyReason::NoLeader));
        let fresh = Facts {
            serves: false,
            ..READY
        };
        assert_eq!(judge(fresh), Some(NotReadyReason::LeaderNotYetServing));
        // A follower serves nobody, and is ready all the same.
        let follower = Facts {
            leads: false,
            serves: false,
            ..READY
        };
        assert_eq!(judge(follower), None);
        let lagging = Facts {
            keeps_up: Some(false),
            ..follower
        };
        assert_eq!(judge(lagging), Some(NotReadyReason::CatchingUp));
        let arriving = Facts {
            passes_through: true,
            ..lagging
        };
        assert_eq!(judge(arriving), None);
    }
}
