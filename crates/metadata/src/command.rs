//! What changes the cluster's state. Every command may be proposed again after an unknown outcome; each
//! says what a second application does.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    BrokerId, ClusterId, DiskEpoch, DiskId, PartitionIndex, ReplicaId, TopicId, TopicName,
};

use crate::limits::Limits;
use crate::replication_factor::ReplicationFactor;
use crate::topic::Placement;

/// A change of the cluster's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Gives the cluster its identity: the first command of all.
    FormCluster(FormCluster),
    /// Changes the limits; again: no change.
    SetLimits(Limits),
    /// Announces a broker that has started.
    RegisterBroker(RegisterBroker),
    /// Creates a topic.
    CreateTopic(CreateTopic),
    /// Deletes one incarnation of a topic; again: no change.
    DeleteTopic(TopicId),
    /// Sets and removes configs of a topic.
    UpdateTopicConfigs(UpdateTopicConfigs),
    /// Adds partitions to a topic.
    AddPartitions(AddPartitions),
    /// Hands out a block of producer ids.
    AllocateProducerIds(AllocateProducerIds),
    /// Wants partitions elsewhere: all of them, or none where one is refused.
    ReassignPartitions(ReassignPartitions),
    /// Says that groups have the members that their partitions shall have.
    CompleteMoves(CompleteMoves),
    /// Asks which partitions a replica has nothing to do with any more; changes nothing.
    ConfirmRemoved(ConfirmRemoved),
    /// Wants a broker's leaderships elsewhere until it starts again.
    DrainBroker(DrainBroker),
    /// Ends a drain; again: no change.
    UndrainBroker(BrokerId),
    /// Wants a broker to go for good; again: no change.
    DecommissionBroker(BrokerId),
    /// Tells which partitions a replica may have forgotten something of, and of which no more; again: no change.
    NoteDoubts(NoteDoubts),
    /// Accepts the loss of what replicas may have forgotten; again: no change, whatever they may have forgotten since.
    AcceptLoss(AcceptLoss),
}

/// See [`Command::FormCluster`]. Again with the same cluster id: no change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormCluster {
    /// The cluster's id, for ever.
    pub cluster: ClusterId,
    /// N: the first disks of brokers 0..N-1 get the replica ids 0..N-1.
    pub initial_brokers: u32,
    /// The limits in force until they are changed.
    pub limits: Limits,
}

/// See [`Command::RegisterBroker`]. Again: the same replica id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterBroker {
    /// The broker.
    pub broker: BrokerId,
    /// The data directory it runs on.
    pub disk: DiskId,
    /// How often it has started on that directory; kept on the directory itself.
    pub start_counter: u64,
    /// Which of the disk's starts that are registered this is; kept there too.
    pub epoch: DiskEpoch,
    /// The replica id that the directory bears already: it was there when the cluster formed, or has been given one.
    /// `None`: it is empty, and asks for one.
    pub bears: Option<ReplicaId>,
    /// Where clients reach its gRPC API: `host:port`.
    pub grpc_address: String,
    /// Where brokers reach it: `host:port`.
    pub peer_address: String,
    /// Its failure domain, where the operator names one.
    pub rack: Option<String>,
}

/// See [`Command::CreateTopic`]. Again with the same id and name: no change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTopic {
    /// The incarnation's id, drawn by the proposer.
    pub id: TopicId,
    /// The topic's name.
    pub name: TopicName,
    /// How many replicas each partition has.
    pub replication_factor: ReplicationFactor,
    /// The partitions, placed by the proposer ([`crate::placement`]).
    pub partitions: Vec<Placement>,
    /// The configs the topic overrides.
    pub configs: BTreeMap<String, String>,
}

/// See [`Command::UpdateTopicConfigs`]. Again: no change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateTopicConfigs {
    /// The topic.
    pub topic: TopicId,
    /// Configs to set.
    pub set: BTreeMap<String, String>,
    /// Configs to return to their defaults.
    pub remove: BTreeSet<String>,
}

/// See [`Command::AddPartitions`]. Again, with nothing in between: no change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddPartitions {
    /// The topic.
    pub topic: TopicId,
    /// The first new partition: how many there were when the command was built.
    pub first: PartitionIndex,
    /// The new partitions, placed by the proposer.
    pub partitions: Vec<Placement>,
}

/// See [`Command::AllocateProducerIds`]. Again: another block (ids are plenty, gaps harmless).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocateProducerIds {
    /// The broker that will issue them.
    pub broker: BrokerId,
    /// How many.
    pub count: u64,
}

/// See [`Command::ReassignPartitions`]. Again, with nothing in between: no change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReassignPartitions {
    /// Which partitions, and where to; each partition once.
    pub moves: Vec<Reassignment>,
}

/// One partition's new place. The number of replicas must be that of the topic, or the same for all partitions of
/// the topic, which then has that replication factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassignment {
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// The partition's epoch that this was built upon.
    pub epoch: u64,
    /// Where to; the first is the one preferred to lead.
    pub replicas: Vec<ReplicaId>,
}

/// See [`Command::CompleteMoves`]. Moves that have been completed or superseded are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompleteMoves {
    /// Which moves.
    pub moves: Vec<CompletedMove>,
}

/// A move whose members the group has: proposed by the leader of the group, behind the last membership change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompletedMove {
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// The epoch whose replicas are the group's members.
    pub epoch: u64,
}

/// See [`Command::ConfirmRemoved`]. Asked behind the stop of the groups and before their files are deleted: a
/// partition that came back in between is not among the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmRemoved {
    /// The replica.
    pub replica: ReplicaId,
    /// Partitions that it believes not to hold any more.
    pub partitions: Vec<PartitionPlace>,
}

/// A partition of one incarnation of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionPlace {
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
}

/// See [`Command::DrainBroker`]. Again: no change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainBroker {
    /// The broker.
    pub broker: BrokerId,
    /// Its start counter when this was asked: a start behind that ends the drain, also one that comes first.
    pub start_counter: u64,
}

/// See [`Command::NoteDoubts`]. Again: no change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteDoubts {
    /// The replica.
    pub replica: ReplicaId,
    /// Where it is in doubt.
    pub arisen: Vec<NotedDoubt>,
    /// Where it is in doubt no more.
    pub ended: Vec<EndedDoubt>,
}

/// A partition of which a replica is in doubt no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedDoubt {
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// Whether the replica has started with what was left, if its loss was accepted: nobody has given back what it had
    /// forgotten.
    pub is_lost: bool,
}

/// A partition that a replica may have forgotten something of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotedDoubt {
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// The run of the replica's data directory at which that arose.
    pub since: u64,
}

/// See [`Command::AcceptLoss`]. It names the doubts that it accepts, so that it never accepts a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptLoss {
    /// The topic.
    pub topic: TopicId,
    /// Which doubts.
    pub doubts: Vec<AcceptedDoubt>,
}

/// A doubt whose loss is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedDoubt {
    /// The partition.
    pub partition: PartitionIndex,
    /// The replica that is in doubt.
    pub replica: ReplicaId,
    /// The run of its data directory at which that arose.
    pub since: u64,
}
