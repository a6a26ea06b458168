use std::collections::BTreeMap;

use model::{
    BrokerId, ClusterId, DiskEpoch, DiskId, PartitionIndex, ReplicaId, TopicId, TopicName,
};

use crate::command::{
    AddPartitions, AllocateProducerIds, Command, CreateTopic, FormCluster, RegisterBroker,
    UpdateTopicConfigs,
};
use crate::limits::Limits;
use crate::outcome::{Answer, Effect, Outcome};
use crate::plan::NewTopic;
use crate::refusal::Refusal;
use crate::replication_factor::ReplicationFactor;
use crate::state::ClusterState;
use crate::topic::Placement;

mod brokers;
mod doubts;
mod identity;
mod partitions;
mod topics;

pub(crate) fn cluster_id() -> ClusterId {
    ClusterId::from_bytes([0xc1; 16])
}

pub(crate) fn topic_id(number: u8) -> TopicId {
    TopicId::from_bytes([number; 16])
}

pub(crate) fn name(text: &str) -> TopicName {
    TopicName::new(text).unwrap()
}

pub(crate) fn form(initial_brokers: u32, limits: Limits) -> Command {
    Command::FormCluster(FormCluster {
        cluster: cluster_id(),
        initial_brokers,
        limits,
    })
}

/// Broker `broker` on the disk whose id repeats `disk`.
pub(crate) fn register(broker: u32, disk: u8, start_counter: u64) -> Command {
    let epoch = DiskEpoch {
        number: start_counter,
        nonce: start_counter,
    };
    register_as(broker, disk, start_counter, epoch)
}

pub(crate) fn register_as(broker: u32, disk: u8, start_counter: u64, epoch: DiskEpoch) -> Command {
    Command::RegisterBroker(RegisterBroker {
        broker: BrokerId::new(broker),
        disk: DiskId::from_bytes([disk; 16]),
        start_counter,
        epoch,
        bears: Some(ReplicaId::new(u64::from(broker))),
        grpc_address: format!("broker-{broker}:7700"),
        peer_address: format!("broker-{broker}:7701"),
        rack: None,
    })
}

/// A formed cluster whose initial brokers are all there, each on the disk of its own number.
pub(crate) fn cluster_with(brokers: u8, limits: Limits) -> ClusterState {
    let mut state = ClusterState::new();
    state.apply(&form(u32::from(brokers), limits)).unwrap();
    for broker in 0..brokers {
        state
            .apply(&register(u32::from(broker), broker, 1))
            .unwrap();
    }
    state
}

pub(crate) fn cluster_of(brokers: u8) -> ClusterState {
    cluster_with(brokers, Limits::default())
}

pub(crate) fn new_topic(topic: &str, partitions: u32) -> NewTopic {
    NewTopic {
        name: name(topic),
        partitions,
        replication_factor: None,
        configs: BTreeMap::new(),
    }
}

/// Plans and applies.
pub(crate) fn create(
    state: &mut ClusterState,
    id: u8,
    topic: &str,
    partitions: u32,
) -> Result<Outcome, Refusal> {
    let plan = state.plan_topic(topic_id(id), &new_topic(topic, partitions))?;
    state.apply(&plan.command)
}

/// Applies a command that must be refused, and checks that nothing has changed.
fn refused(state: &mut ClusterState, command: &Command) -> Refusal {
    let before = state.clone();
    let refusal = state.apply(command).unwrap_err();
    assert_eq!(*state, before, "a refused command changed the state");
    refusal
}

/// Applies a command that must be known already, and checks that nothing has changed.
fn repeated(state: &mut ClusterState, command: &Command) -> Answer {
    let before = state.clone();
    let outcome = state.apply(command).unwrap();
    assert_eq!(*state, before, "a repeated command changed the state");
    assert_eq!(outcome.effects, []);
    outcome.answer
}
