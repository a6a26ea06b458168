//! How structs are stored: as records of their fields, in the order given here.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{BrokerId, DiskEpoch, ReplicaId};

use super::decode_error::DecodeError;
use super::reader::Reader;
use super::stored::Stored;
use super::writer::Writer;
use crate::broker::{Broker, BrokerState};
use crate::command::{
    AcceptLoss, AcceptedDoubt, AddPartitions, AllocateProducerIds, CompleteMoves, CompletedMove,
    ConfirmRemoved, CreateTopic, DrainBroker, EndedDoubt, FormCluster, NoteDoubts, NotedDoubt,
    PartitionPlace, ReassignPartitions, Reassignment, RegisterBroker, UpdateTopicConfigs,
};
use crate::doubt::Doubt;
use crate::limits::Limits;
use crate::state::{ClusterState, Formed};
use crate::topic::{Partition, Placement, Topic};

/// The version since which brokers have states and partitions move.
const MOVES_SINCE: u8 = 2;
/// The version since which partitions know how many neighbours they were created among.
const NEIGHBOURS_SINCE: u8 = 3;
/// The version since which replicas may be in doubt.
const DOUBTS_SINCE: u8 = 4;
/// The version since which the starts of disks are told apart.
const EPOCHS_SINCE: u8 = 5;

macro_rules! records {
    ($($type:ident { $($field:ident),* })*) => {$(
        impl Stored for $type {
            fn write(&self, writer: &mut Writer) {
                let Self { $($field),* } = self;
                writer.list([$(stringify!($field)),*].len());
                $($field.write(writer);)*
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                reader.record([$(stringify!($field)),*].len())?;
                Ok(Self { $($field: Stored::read(reader)?),* })
            }
        }
    )*};
}

records! {
    Limits { partitions_per_topic, partitions, topics, brokers }
    Formed { cluster, initial_brokers, limits }
    Placement { replicas }
    FormCluster { cluster, initial_brokers, limits }
    CreateTopic { id, name, replication_factor, partitions, configs }
    UpdateTopicConfigs { topic, set, remove }
    AddPartitions { topic, first, partitions }
    AllocateProducerIds { broker, count }
    ReassignPartitions { moves }
    Reassignment { topic, partition, epoch, replicas }
    CompleteMoves { moves }
    CompletedMove { topic, partition, epoch }
    ConfirmRemoved { replica, partitions }
    PartitionPlace { topic, partition }
    DrainBroker { broker, start_counter }
    NoteDoubts { replica, arisen, ended }
    NotedDoubt { topic, partition, since }
    EndedDoubt { topic, partition, is_lost }
    AcceptLoss { topic, doubts }
    AcceptedDoubt { partition, replica, since }
    Doubt { replica, since, state }
    DiskEpoch { number, nonce }
}

const REGISTER_BROKER_FIELDS: usize = 8;

/// (broker, disk, start counter, gRPC address, peer address, rack or absent, the replica id it bears or absent, epoch);
/// version 1 has no such id: brokers formed their clusters alone, with their own numbers. Version 4 has no epoch.
impl Stored for RegisterBroker {
    fn write(&self, writer: &mut Writer) {
        writer.list(REGISTER_BROKER_FIELDS);
        self.broker.write(writer);
        self.disk.write(writer);
        self.start_counter.write(writer);
        self.grpc_address.write(writer);
        self.peer_address.write(writer);
        self.rack.write(writer);
        self.bears.write(writer);
        self.epoch.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let says_replica = reader.version() >= MOVES_SINCE;
        let has_epoch = reader.version() >= EPOCHS_SINCE;
        let lacking = usize::from(!says_replica) + usize::from(!has_epoch);
        reader.record(REGISTER_BROKER_FIELDS - lacking)?;
        let broker: BrokerId = Stored::read(reader)?;
        Ok(Self {
            broker,
            disk: Stored::read(reader)?,
            start_counter: Stored::read(reader)?,
            grpc_address: Stored::read(reader)?,
            peer_address: Stored::read(reader)?,
            rack: Stored::read(reader)?,
            bears: match says_replica {
                true => Stored::read(reader)?,
                false => Some(ReplicaId::new(u64::from(broker.get()))),
            },
            epoch: epoch_or_none(reader, has_epoch)?,
        })
    }
}

const BROKER_FIELDS: usize = 9;

/// (id, disk, replica, start counter, gRPC address, peer address, rack or absent, state, epoch); version 1 has no state: all
/// are active. Version 4 has no epoch.
impl Stored for Broker {
    fn write(&self, writer: &mut Writer) {
        writer.list(BROKER_FIELDS);
        self.id.write(writer);
        self.disk.write(writer);
        self.replica.write(writer);
        self.start_counter.write(writer);
        self.grpc_address.write(writer);
        self.peer_address.write(writer);
        self.rack.write(writer);
        self.state.write(writer);
        self.epoch.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let has_state = reader.version() >= MOVES_SINCE;
        let has_epoch = reader.version() >= EPOCHS_SINCE;
        let lacking = usize::from(!has_state) + usize::from(!has_epoch);
        reader.record(BROKER_FIELDS - lacking)?;
        Ok(Self {
            id: Stored::read(reader)?,
            disk: Stored::read(reader)?,
            replica: Stored::read(reader)?,
            start_counter: Stored::read(reader)?,
            grpc_address: Stored::read(reader)?,
            peer_address: Stored::read(reader)?,
            rack: Stored::read(reader)?,
            state: match has_state {
                true => Stored::read(reader)?,
                false => BrokerState::Active,
            },
            epoch: epoch_or_none(reader, has_epoch)?,
        })
    }
}

fn epoch_or_none(reader: &mut Reader<'_>, has_epoch: bool) -> Result<DiskEpoch, DecodeError> {
    match has_epoch {
        true => Stored::read(reader),
        false => Ok(DiskEpoch::default()),
    }
}

const PARTITION_FIELDS: usize = 7;

/// (replicas, those to be removed, epoch, settled epoch, where it moves from, neighbours, doubts); version 1 has the replicas
/// only: nothing has ever moved. Version 2 has no neighbours: all partitions beat at the full pace. Version 3 has no doubts.
impl Stored for Partition {
    fn write(&self, writer: &mut Writer) {
        writer.list(PARTITION_FIELDS);
        self.replicas.write(writer);
        self.removing.write(writer);
        self.epoch.write(writer);
        self.settled_epoch.write(writer);
        self.moved_from.write(writer);
        self.neighbours.write(writer);
        self.doubts.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.version() < MOVES_SINCE {
            return Ok(Self::new(&Placement::read(reader)?, 0));
        }
        let has_neighbours = reader.version() >= NEIGHBOURS_SINCE;
        let has_doubts = reader.version() >= DOUBTS_SINCE;
        let lacking = usize::from(!has_neighbours) + usize::from(!has_doubts);
        reader.record(PARTITION_FIELDS - lacking)?;
        Ok(Self {
            replicas: Stored::read(reader)?,
            removing: Stored::read(reader)?,
            epoch: Stored::read(reader)?,
            settled_epoch: Stored::read(reader)?,
            moved_from: Stored::read(reader)?,
            neighbours: match has_neighbours {
                true => Stored::read(reader)?,
                false => 0,
            },
            doubts: match has_doubts {
                true => Stored::read(reader)?,
                false => Vec::new(),
            },
        })
    }
}

const TOPIC_FIELDS: usize = 5;

/// (id, name, replication factor, partitions, overrides)
impl Stored for Topic {
    fn write(&self, writer: &mut Writer) {
        writer.list(TOPIC_FIELDS);
        self.id().write(writer);
        self.name().write(writer);
        self.replication_factor().write(writer);
        writer.list(self.partitions().len());
        for partition in self.partitions() {
            partition.write(writer);
        }
        self.overrides().write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.record(TOPIC_FIELDS)?;
        let id = Stored::read(reader)?;
        Self::new(
            id,
            Stored::read(reader)?,
            Stored::read(reader)?,
            Stored::read(reader)?,
            Stored::read(reader)?,
        )
        .map_err(|error| DecodeError::Config { topic: id, error })
    }
}

const STATE_FIELDS: usize = 7;

/// (identity or absent, brokers, replaced disks, next replica id, topics by id, deleted topics, next
/// producer id); names and counts are derived.
impl Stored for ClusterState {
    fn write(&self, writer: &mut Writer) {
        writer.list(STATE_FIELDS);
        self.formed.write(writer);
        writer.list(self.brokers.len());
        for broker in self.brokers.values() {
            broker.write(writer);
        }
        self.replaced_disks.write(writer);
        self.next_replica.write(writer);
        writer.list(self.topics.len());
        for topic in self.topics.values() {
            topic.write(writer);
        }
        self.deleted_topics.write(writer);
        self.next_producer.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.record(STATE_FIELDS)?;
        let mut state = Self {
            formed: Stored::read(reader)?,
            brokers: read_ascending(reader, |broker: &Broker| broker.id)?,
            replaced_disks: Stored::read(reader)?,
            next_replica: Stored::read(reader)?,
            ..Self::default()
        };
        let topics = read_ascending(reader, Topic::id)?;
        state.deleted_topics = Stored::read(reader)?;
        state.next_producer = Stored::read(reader)?;
        for topic in topics.values() {
            state.partitions_total += topic.partitions().len() as u64;
            let name = topic.name().clone();
            if state.topics_by_name.insert(name, topic.id()).is_some() {
                return Err(DecodeError::Inconsistent {
                    invariant: "each topic has a name of its own",
                });
            }
        }
        let share = |(id, topic)| (id, Arc::new(topic));
        state.topics = topics.into_iter().map(share).collect();
        Ok(state)
    }
}

/// Reads a list of items that carry their keys, in ascending order.
fn read_ascending<K: Ord + Copy, T: Stored>(
    reader: &mut Reader<'_>,
    key: impl Fn(&T) -> K,
) -> Result<BTreeMap<K, T>, DecodeError> {
    let mut items = BTreeMap::new();
    for _ in 0..reader.list()? {
        let item = T::read(reader)?;
        let key = key(&item);
        if items.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return Err(DecodeError::KeysNotAscending { at: reader.at() });
        }
        items.insert(key, item);
    }
    Ok(items)
}
