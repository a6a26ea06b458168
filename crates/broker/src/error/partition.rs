//! Why a partition does not serve, whatever is asked of it.

use std::path::PathBuf;

use model::{BrokerId, PartitionIndex, TopicName};
use thiserror::Error;

use super::NotJoined;

/// Why a partition does not serve.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PartitionError {
    /// No topic has this name.
    #[error("there is no topic `{topic}`; create it, or list topics to see those there are")]
    UnknownTopic {
        /// The name asked for.
        topic: TopicName,
    },
    /// The topic has fewer partitions.
    #[error(
        "topic `{topic}` has no partition {partition}: it has {partitions}, numbered from 0; choose one of them or add partitions"
    )]
    UnknownPartition {
        /// The topic.
        topic: TopicName,
        /// The partition asked for.
        partition: PartitionIndex,
        /// How many there are.
        partitions: u32,
    },
    /// Another broker leads, or none.
    #[error(
        "this broker does not lead partition {partition} of topic `{topic}`; {}", hint(*.leader)
    )]
    NotLeader {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// Who leads, where that is known.
        leader: Option<BrokerId>,
    },
    /// This broker leads, as far as it knows, and hears from no quorum of the replicas.
    #[error(
        "no quorum of the replicas of partition {partition} of topic `{topic}` answers its leader; try again, and see with `strand topic describe {topic}` who is away"
    )]
    NoQuorum {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
    },
    /// The disks of too many replicas were replaced: nobody can lead it.
    #[error(
        "nobody leads partition {partition} of topic `{topic}`: {gone} of its {of} replicas were on disks that were replaced, and no quorum of those that knew its records is left; delete the topic, and create it anew"
    )]
    Lost {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// How many replicas are gone.
        gone: usize,
        /// How many there were.
        of: usize,
    },
    /// The partition's log is damaged below its durable end.
    #[error(
        "partition {partition} of topic `{topic}` is damaged: {} at byte {byte}: {reason}; restore the file, or delete the topic", file.display()
    )]
    Damaged {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The file, relative to the data directory.
        file: PathBuf,
        /// Where in it.
        byte: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The replica here may have forgotten what it acknowledged before a power cut.
    #[error(
        "the replica here of partition {partition} of topic `{topic}` may have forgotten records that it acknowledged before a power cut (durability `page-cache`), and takes no part until a leader has given them back: {reason}; bring the partition's other brokers back, or, where too few of them remember, accept the loss: strand topic accept-loss {topic} --partition {partition}"
    )]
    InDoubt {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The run of the data directory at which the doubt arose.
        since: u64,
        /// What it waits for.
        reason: String,
    },
    /// The replica here is damaged, and what is missing is copied from the others.
    #[error(
        "the replica of partition {partition} of topic `{topic}` on this broker is being repaired from the others: \
         {damage}; {}", hint(*.leader)
    )]
    BeingRepaired {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// Who leads, where that is known.
        leader: Option<BrokerId>,
        /// What is damaged.
        damage: String,
    },
    /// The partition could not be opened.
    #[error(
        "partition {partition} of topic `{topic}` could not be opened: {reason}; restart the broker once that is cured"
    )]
    NotOpened {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// What failed.
        reason: String,
    },
    /// The partition is being opened still.
    #[error("partition {partition} of topic `{topic}` is being opened; try again")]
    Opening {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
    },
    /// The partition has stopped: a write or sync failed, or it is being deleted.
    #[error(
        "partition {partition} of topic `{topic}` has stopped: {reason}; restart the broker once that is cured"
    )]
    Stopped {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// Why.
        reason: String,
    },
    /// This broker does not know the cluster as it is: whether there is such a partition is for another one to say.
    #[error(transparent)]
    NotJoined(#[from] NotJoined),
    /// The broker is shutting down.
    #[error("the broker is shutting down; try again in a moment")]
    ShuttingDown,
}

fn hint(leader: Option<BrokerId>) -> String {
    match leader {
        Some(leader) => format!("broker {leader} does"),
        None => "no leader is known now; try again".to_owned(),
    }
}
