//! Replicas here that may have forgotten what they acknowledged: each waits to be readmitted, and the cluster's state is
//! told, so that every broker can show it and an operator's acceptance of the loss finds its way here.

use metadata::command::{EndedDoubt, NoteDoubts, NotedDoubt};
use metadata::{Command, DoubtState};
use model::{PartitionIndex, ReplicaId, TopicName};
use replication::LogSettings;

use super::heal::others;
use super::local::log_settings;
use super::slot::{Local, Slot};
use super::{OpenTopic, Partitions};
use crate::{Broker, PartitionError};

/// Has a replica that is in doubt since a run of this directory wait until it may start.
pub(super) fn await_readmission(
    broker: &Broker,
    topic: &OpenTopic,
    partition: PartitionIndex,
    since: u64,
) {
    let id = topic.topic.id();
    let accepted = accepted(topic, partition, broker.replica());
    let replication = &broker.replication;
    let settings = log_settings(LogSettings::default(), topic.topic.config());
    let others = others(broker, id, partition);
    // Where it waits already, only what has been accepted since is news.
    replication.readmit_log_group(id, partition, settings, others, (since, accepted));
    replication.accept_loss(id, partition, accepted);
}

/// The newest run of which the loss of this replica's doubts is accepted; runs begin at 1.
fn accepted(topic: &OpenTopic, partition: PartitionIndex, here: ReplicaId) -> u64 {
    let doubt = topic.topic.partition(partition);
    let doubt = doubt.and_then(|placed| placed.doubt_of(here));
    let accepted = doubt.filter(|doubt| doubt.state == DoubtState::Accepted);
    accepted.map_or(0, |doubt| doubt.since)
}

/// Tells the cluster's state which replicas here are in doubt, and which no more. False where it is to be told again.
pub(super) async fn tell(broker: &Broker) -> bool {
    let (news, lost) = news(broker);
    if news.arisen.is_empty() && news.ended.is_empty() {
        return true;
    }
    match broker.change_once(&Command::NoteDoubts(news)).await {
        Ok(_) => {
            broker.meters.accepted_losses.increment(lost.len() as u64);
            for (topic, partition) in lost {
                tracing::error!(%topic, %partition, replica = %broker.replica(), "LOSS ACCEPTED: the replica has started with what was left of its records after a power cut");
            }
            true
        }
        Err(error) => {
            tracing::debug!(%error, "the cluster is not told of doubts yet");
            false
        }
    }
}

/// What the cluster's state does not know yet, and where it is a loss.
fn news(broker: &Broker) -> (NoteDoubts, Vec<(TopicName, PartitionIndex)>) {
    let here = broker.replica();
    let mut news = NoteDoubts {
        replica: here,
        arisen: Vec::new(),
        ended: Vec::new(),
    };
    let mut lost = Vec::new();
    for open in broker.partitions.topics().values() {
        let topic = open.topic.id();
        for ((index, slot), placed) in (0..).zip(&open.slots).zip(open.topic.partitions()) {
            let partition = PartitionIndex::new(index);
            let known = placed.doubt_of(here);
            match doubt_in(slot) {
                Here::Doubt(since) if known.is_none_or(|known| known.since < since) => {
                    news.arisen.push(NotedDoubt {
                        topic,
                        partition,
                        since,
                    });
                }
                Here::None if known.is_some_and(|known| known.state != DoubtState::Lost) => {
                    let is_lost = !broker.replication.was_readmitted(topic, partition);
                    let is_accepted = known.is_some_and(|k| k.state == DoubtState::Accepted);
                    if is_lost && is_accepted {
                        lost.push((open.topic.name().clone(), partition));
                    }
                    news.ended.push(EndedDoubt {
                        topic,
                        partition,
                        is_lost,
                    });
                }
                _ => {}
            }
        }
    }
    (news, lost)
}

/// What is known of a replica here.
enum Here {
    /// It is in doubt since this run.
    Doubt(u64),
    /// It is open, in no doubt.
    None,
    /// It is not open yet, or not here.
    Unknown,
}

fn doubt_in(slot: &Slot) -> Here {
    match slot.local() {
        Some(Local::Failed {
            error: PartitionError::InDoubt { since, .. },
            ..
        }) => Here::Doubt(since),
        Some(Local::Open(_)) => Here::None,
        _ => Here::Unknown,
    }
}

impl Partitions {
    /// How many replicas here are in doubt.
    pub(crate) fn in_doubt(&self) -> u64 {
        let topics = self.topics();
        let slots = topics.values().flat_map(|topic| &topic.slots);
        let in_doubt = slots.filter(|slot| matches!(doubt_in(slot), Here::Doubt(_)));
        in_doubt.count() as u64
    }
}
