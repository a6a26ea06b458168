//! Topics, partitions and brokers as messages.

use broker::{
    AcceptedLoss, BrokerState, ConfigDescription, ConfigSource, DeleteRecordsError, DoubtState,
    PartitionDescription, ReplicaDoubt, TopicDescription,
};
use model::{BrokerId, Offset, PartitionIndex};
use rpc::{v1, wire_offset};

use crate::failure;

/// A topic, with its configs where it has them.
pub(crate) fn topic(topic: TopicDescription) -> v1::TopicInfo {
    v1::TopicInfo {
        name: topic.name.to_string(),
        id: topic.id.map(|id| id.to_string()).unwrap_or_default(),
        replication_factor: i32::from(topic.replication_factor),
        partitions: topic.partitions.into_iter().map(partition).collect(),
        configs: topic.configs.into_iter().map(config).collect(),
    }
}

fn partition(partition: PartitionDescription) -> v1::PartitionInfo {
    let ids = |ids: Vec<BrokerId>| ids.into_iter().map(broker_id).collect();
    v1::PartitionInfo {
        partition: partition_index(partition.partition),
        leader: partition.leader.map(broker_id),
        replicas: ids(partition.replicas),
        in_sync: ids(partition.in_sync),
        log_start: wire_offset(partition.log_start),
        high_watermark: wire_offset(partition.high_watermark),
        leader_epoch: i64::from(partition.term.as_leader_epoch()),
        bytes: count(partition.bytes),
        adding: ids(partition.adding),
        removing: ids(partition.removing),
        epoch: count(partition.epoch),
        error: partition.problem.as_ref().map(failure::partition),
        doubts: partition.doubts.iter().map(doubt).collect(),
    }
}

fn doubt(doubt: &ReplicaDoubt) -> v1::ReplicaDoubt {
    let state = match doubt.state {
        DoubtState::Open => v1::DoubtState::Open,
        DoubtState::Accepted => v1::DoubtState::Accepted,
        DoubtState::Lost => v1::DoubtState::Lost,
    };
    v1::ReplicaDoubt {
        broker: broker_id(doubt.broker),
        state: state.into(),
        since: count(doubt.since),
    }
}

/// A partition of which a loss is accepted.
pub(super) fn accepted_loss(loss: AcceptedLoss) -> v1::AcceptedLoss {
    v1::AcceptedLoss {
        partition: partition_index(loss.partition),
        brokers: loss.brokers.into_iter().map(broker_id).collect(),
        leader: loss.leader.map(broker_id),
    }
}

fn config(config: ConfigDescription) -> v1::TopicConfig {
    v1::TopicConfig {
        name: config.name.to_owned(),
        value: config.value,
        is_set: config.source == ConfigSource::Topic,
        note: config.note.unwrap_or_default(),
        default_value: config.default,
        documentation: config.documentation.to_owned(),
    }
}

/// A broker of the cluster.
pub(crate) fn broker(broker: &broker::BrokerDescription) -> v1::BrokerInfo {
    v1::BrokerInfo {
        id: broker_id(broker.id),
        grpc_address: broker.grpc_address.clone(),
        rack: broker.rack.clone().unwrap_or_default(),
        state: broker_state(broker).into(),
        leaders: count(broker.leaders),
        replicas: count(broker.replicas),
        disk_bytes: broker.disk_bytes.map(count),
        peer_address: broker.peer_address.clone(),
    }
}

/// Where several hold, the last one in the API's list.
fn broker_state(broker: &broker::BrokerDescription) -> v1::BrokerState {
    match broker.state {
        BrokerState::Decommissioned => v1::BrokerState::Decommissioned,
        _ if !broker.is_reachable => v1::BrokerState::Unreachable,
        BrokerState::Decommissioning => v1::BrokerState::Decommissioning,
        BrokerState::Draining { .. } => v1::BrokerState::Drained,
        BrokerState::Active => v1::BrokerState::Active,
    }
}

/// A number of things. None of them is beyond the field.
pub(crate) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A broker's id. Operators number brokers from 0; none is beyond the field.
pub(crate) fn broker_id(id: BrokerId) -> i32 {
    i32::try_from(id.get()).unwrap_or(i32::MAX)
}

/// A partition's number. No topic has more partitions than the field can count.
pub(crate) fn partition_index(partition: PartitionIndex) -> i32 {
    i32::try_from(partition.get()).unwrap_or(i32::MAX)
}

/// Where a partition begins now, or why it does not.
pub(super) fn log_start(
    topic: &str,
    partition: PartitionIndex,
    deleted: Result<Offset, DeleteRecordsError>,
) -> v1::LogStartResult {
    let (log_start, error) = match deleted {
        Ok(log_start) => (wire_offset(log_start), None),
        Err(error) => (0, Some(failure::delete_records(&error))),
    };
    v1::LogStartResult {
        topic: topic.to_owned(),
        partition: partition_index(partition),
        log_start,
        error,
        leader: None,
    }
}
