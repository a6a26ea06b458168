//! What a command that was not refused has done.

use model::{BrokerId, ClusterId, PartitionIndex, ProducerId, ReplicaId, TopicId, TopicName};

use crate::broker::BrokerState;
use crate::command::PartitionPlace;

/// What a command has done: the answer for its proposer, and the effects for every broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the proposer learns.
    pub answer: Answer,
    /// What changed, in order; empty for a command that had been applied before.
    pub effects: Vec<Effect>,
}

/// What the proposer of a command learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The cluster has this id.
    ClusterFormed {
        /// The cluster's id.
        cluster: ClusterId,
    },
    /// The limits are in force.
    LimitsSet,
    /// The broker is known.
    BrokerRegistered {
        /// The Raft node id of the broker on its disk.
        replica: ReplicaId,
        /// The node id of the disk that this one takes the place of.
        replaced: Option<ReplicaId>,
    },
    /// The topic exists.
    TopicCreated {
        /// Its id.
        topic: TopicId,
        /// How many partitions it has.
        partitions: u32,
    },
    /// The topic does not exist (any more).
    TopicDeleted {
        /// Its id.
        topic: TopicId,
        /// Whether this command deleted it.
        existed: bool,
    },
    /// The topic has the configs.
    ConfigsUpdated {
        /// Its id.
        topic: TopicId,
    },
    /// The topic has the partitions.
    PartitionsAdded {
        /// Its id.
        topic: TopicId,
        /// How many partitions it has now.
        total: u32,
    },
    /// The ids from `first` on, `count` of them, are the proposer's alone.
    ProducerIds {
        /// The first id of the block.
        first: ProducerId,
        /// How many ids the block has.
        count: u64,
    },
    /// The partitions shall be there.
    PartitionsReassigned {
        /// How many have another place than before.
        changed: u64,
    },
    /// The moves are completed.
    MovesCompleted {
        /// How many were not before.
        completed: u64,
    },
    /// What the replica has nothing to do with.
    RemovalConfirmed {
        /// Those asked for that it does not hold.
        partitions: Vec<PartitionPlace>,
    },
    /// The broker is in this state.
    BrokerStateSet {
        /// The state.
        state: BrokerState,
    },
    /// The doubts are known.
    DoubtsNoted {
        /// How many have changed.
        changed: u64,
    },
    /// The loss is accepted.
    LossAccepted {
        /// Of how many doubts it was not before.
        accepted: u64,
    },
}

/// A change that brokers act upon: they open, drop or reconfigure replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The cluster has its identity.
    ClusterFormed,
    /// A broker came, moved or restarted.
    BrokerChanged {
        /// The broker.
        broker: BrokerId,
    },
    /// A disk was replaced: its replicas are lost and must be placed anew.
    ReplicaRetired {
        /// The broker whose disk it was.
        broker: BrokerId,
        /// The node id that nobody will bear again.
        replica: ReplicaId,
    },
    /// A topic was created: its replicas are to be opened.
    TopicCreated {
        /// The topic.
        topic: TopicId,
    },
    /// Partitions were added: their replicas are to be opened.
    PartitionsAdded {
        /// The topic.
        topic: TopicId,
        /// The first new partition.
        first: PartitionIndex,
        /// The end of the new ones (exclusive): the partition count.
        end: PartitionIndex,
    },
    /// A topic was deleted: its replicas and files are to be dropped.
    TopicDeleted {
        /// The topic.
        topic: TopicId,
        /// The name it had.
        name: TopicName,
        /// How many partitions it had.
        partitions: u32,
    },
    /// Partitions shall be elsewhere, or have arrived there.
    PartitionsMoved {
        /// Their topic.
        topic: TopicId,
    },
    /// Replicas of a topic are in doubt, or no more, or their loss is accepted.
    DoubtsChanged {
        /// The topic.
        topic: TopicId,
    },
    /// A topic's configs changed.
    TopicConfigsChanged {
        /// The topic.
        topic: TopicId,
    },
}
