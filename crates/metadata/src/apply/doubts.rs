//! Notes which replicas may have forgotten what they acknowledged, and whose loss is accepted.

use std::collections::BTreeMap;

use model::{PartitionIndex, ReplicaId, TopicId};

use crate::command::{AcceptLoss, NoteDoubts};
use crate::doubt::{Doubt, DoubtState};
use crate::outcome::{Answer, Effect, Outcome};
use crate::refusal::Refusal;
use crate::state::ClusterState;
use crate::topic::Partition;

/// What happens to the doubt of one replica about one partition.
#[derive(Clone, Copy, Debug)]
enum Change {
    Arisen(u64),
    /// Whether with a loss, where that was accepted.
    Ended(bool),
    Accepted(u64),
}

impl ClusterState {
    /// What is told of partitions that are gone, or that the replica does not hold, is passed over.
    pub(super) fn note_doubts(&mut self, command: &NoteDoubts) -> Result<Outcome, Refusal> {
        self.formed()?;
        let replica = command.replica;
        let arisen = command.arisen.iter().map(|doubt| {
            let change = Change::Arisen(doubt.since);
            (doubt.topic, (doubt.partition, replica, change))
        });
        let ended = command.ended.iter().map(|doubt| {
            let change = Change::Ended(doubt.is_lost);
            (doubt.topic, (doubt.partition, replica, change))
        });
        let mut by_topic = BTreeMap::<_, Vec<_>>::new();
        for (topic, change) in arisen.chain(ended) {
            by_topic.entry(topic).or_default().push(change);
        }
        let mut changed = 0;
        let mut effects = Vec::new();
        for (topic, changes) in by_topic {
            let count = self.change_doubts(topic, &changes);
            if count > 0 {
                effects.push(Effect::DoubtsChanged { topic });
                changed += count;
            }
        }
        let answer = Answer::DoubtsNoted { changed };
        Ok(Outcome { answer, effects })
    }

    /// Doubts that have ended since, or that are others by now, stay as they are.
    pub(super) fn accept_loss(&mut self, command: &AcceptLoss) -> Result<Outcome, Refusal> {
        self.formed()?;
        let topic = self.require_topic_id(command.topic)?.id();
        let changes = command.doubts.iter().map(|doubt| {
            let change = Change::Accepted(doubt.since);
            (doubt.partition, doubt.replica, change)
        });
        let changes: Vec<_> = changes.collect();
        let accepted = self.change_doubts(topic, &changes);
        let answer = Answer::LossAccepted { accepted };
        Ok(match accepted {
            0 => Outcome::unchanged(answer),
            _ => Outcome::changed(answer, Effect::DoubtsChanged { topic }),
        })
    }

    fn change_doubts(
        &mut self,
        topic: TopicId,
        changes: &[(PartitionIndex, ReplicaId, Change)],
    ) -> u64 {
        let Some(topic) = self.topics.get(&topic) else {
            return 0;
        };
        let mut changed = (**topic).clone();
        let mut count = 0;
        for (partition, replica, change) in changes {
            if let Some(partition) = changed.partition_mut(*partition) {
                count += u64::from(change_doubt(partition, *replica, *change));
            }
        }
        if count > 0 {
            self.replace_topic(changed);
        }
        count
    }
}

/// Whether anything has changed.
fn change_doubt(partition: &mut Partition, replica: ReplicaId, change: Change) -> bool {
    let known = partition.doubt_of(replica);
    let known = known.map(|known| (known.since, known.state));
    let next = match (change, known) {
        (Change::Arisen(since), Some((known, _))) if known >= since => return false,
        (Change::Arisen(_), _) if !partition.holds(replica) => return false,
        (Change::Arisen(since), _) => Some((since, DoubtState::Open)),
        (Change::Ended(true), Some((since, DoubtState::Accepted))) => {
            Some((since, DoubtState::Lost))
        }
        (Change::Ended(_), Some((_, DoubtState::Open | DoubtState::Accepted))) => None,
        (Change::Accepted(since), Some((known, DoubtState::Open))) if known == since => {
            Some((since, DoubtState::Accepted))
        }
        (Change::Ended(_) | Change::Accepted(_), _) => return false,
    };
    partition.doubts.retain(|known| known.replica != replica);
    if let Some((since, state)) = next {
        partition.doubts.push(Doubt {
            replica,
            since,
            state,
        });
        partition.doubts.sort_by_key(|doubt| doubt.replica);
    }
    true
}
