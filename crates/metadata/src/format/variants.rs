//! How enums are stored: as their variant's code, then its fields. A code is never given a new meaning.

use super::decode_error::DecodeError;
use super::reader::Reader;
use super::stored::Stored;
use super::writer::Writer;
use crate::broker::BrokerState;
use crate::command::Command;
use crate::config::ConfigError;
use crate::doubt::DoubtState;
use crate::outcome::Answer;
use crate::refusal::Refusal;

/// `holding` lists variants that wrap one value, `with` those that have named fields.
macro_rules! variants {
    ($type:ident
        holding { $($code:literal $variant:ident),* }
        with { $($named_code:literal $named:ident { $($field:ident),* })* }
    ) => {
        impl Stored for $type {
            fn write(&self, writer: &mut Writer) {
                match self {
                    $(Self::$variant(value) => {
                        writer.list(2);
                        writer.number($code);
                        value.write(writer);
                    })*
                    $(Self::$named { $($field),* } => {
                        let fields: &[&str] = &[$(stringify!($field)),*];
                        writer.list(1 + fields.len());
                        writer.number($named_code);
                        $($field.write(writer);)*
                    })*
                }
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let (code, found) = reader.variant()?;
                match code {
                    $($code => {
                        reader.fields(found, 1)?;
                        Stored::read(reader).map(Self::$variant)
                    })*
                    $($named_code => {
                        let fields: &[&str] = &[$(stringify!($field)),*];
                        reader.fields(found, fields.len())?;
                        Ok(Self::$named { $($field: Stored::read(reader)?),* })
                    })*
                    other => Err(reader.bad_number(concat!("variant of ", stringify!($type)), other)),
                }
            }
        }
    };
}

variants! { Command
    holding {
        1 FormCluster, 2 SetLimits, 3 RegisterBroker, 4 CreateTopic, 5 DeleteTopic,
        6 UpdateTopicConfigs, 7 AddPartitions, 8 AllocateProducerIds, 9 ReassignPartitions,
        10 CompleteMoves, 11 ConfirmRemoved, 12 DrainBroker, 13 UndrainBroker, 14 DecommissionBroker,
        15 NoteDoubts, 16 AcceptLoss
    }
    with {}
}

variants! { Answer
    holding {}
    with {
        1 ClusterFormed { cluster }
        2 LimitsSet {}
        3 BrokerRegistered { replica, replaced }
        4 TopicCreated { topic, partitions }
        5 TopicDeleted { topic, existed }
        6 ConfigsUpdated { topic }
        7 PartitionsAdded { topic, total }
        8 ProducerIds { first, count }
        9 PartitionsReassigned { changed }
        10 MovesCompleted { completed }
        11 RemovalConfirmed { partitions }
        12 BrokerStateSet { state }
        13 DoubtsNoted { changed }
        14 LossAccepted { accepted }
    }
}

variants! { Refusal
    holding { 1 Config }
    with {
        2 NotFormed {}
        3 OtherCluster { ours, theirs }
        4 BadInitialBrokers { wanted, limit }
        5 LimitOutOfBounds { name, wanted, ceiling }
        6 TooManyBrokers { broker, limit }
        7 OlderCopyOfDisk { broker, disk, known, presented }
        8 DiskOfOtherBroker { disk, owner, broker }
        9 DiskWasReplaced { disk, broker }
        10 TooManyReplacedDisks { limit }
        11 AddressTooLong { broker, what, bytes, limit }
        12 UnknownBroker { broker }
        13 TopicExists { name, id }
        14 TopicIdTaken { id, name }
        15 TopicDeletedSince { id }
        16 UnknownTopic { name }
        17 UnknownTopicId { id }
        18 TooManyTopics { limit }
        19 BadPartitionCount { wanted, limit }
        20 TooManyPartitions { wanted, have, limit }
        21 PartitionsMayOnlyGrow { have, wanted }
        22 PartitionsChanged { expected, have }
        23 NoReplicas { brokers }
        24 ReplicationFactorTooLarge { wanted, brokers }
        25 WrongReplicaCount { partition, replicas, wanted }
        26 UnknownReplica { partition, replica }
        27 ReplicaTwice { partition, replica }
        28 ConfigSetAndRemoved { name }
        29 BadProducerIdCount { wanted, limit }
        30 ProducerIdsExhausted { wanted, left }
        31 MoveSuperseded { topic, partition, expected, have }
        32 UnknownPartition { topic, partition, partitions }
        33 ReassignedTwice { topic, partition }
        34 BrokerLeaves { partition, broker, state }
        35 IsLeaving { broker, state }
        36 TooFewBrokersRemain { broker, topic, wanted, remaining }
        37 LastBroker { broker }
        38 NothingInDoubt { topic, partition }
        39 OtherCopyOfDisk { broker, disk, known, presented }
    }
}

variants! { DoubtState
    holding {}
    with {
        1 Open {}
        2 Accepted {}
        3 Lost {}
    }
}

variants! { BrokerState
    holding {}
    with {
        1 Active {}
        2 Draining { start_counter }
        3 Decommissioning {}
        4 Decommissioned {}
    }
}

variants! { ConfigError
    holding {}
    with {
        1 Unknown { name, closest }
        2 OutOfBounds { name, value, bounds }
        3 TooLong { name, bytes, limit }
        4 Refused { name, value, reason }
        5 Conflict { smaller, smaller_value, larger, larger_value }
        6 AboveQuorum { wanted, quorum, replicas }
    }
}

/// Code 0 says done, 1 says refused.
impl Stored for Result<Answer, Refusal> {
    fn write(&self, writer: &mut Writer) {
        writer.list(2);
        match self {
            Ok(answer) => {
                writer.number(0);
                answer.write(writer);
            }
            Err(refusal) => {
                writer.number(1);
                refusal.write(writer);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (code, found) = reader.variant()?;
        reader.fields(found, 1)?;
        match code {
            0 => Answer::read(reader).map(Ok),
            1 => Refusal::read(reader).map(Err),
            other => Err(reader.bad_number("sign of success (0 or 1)", other)),
        }
    }
}
