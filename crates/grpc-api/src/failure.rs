//! Which reason each error of the broker has, with its facts. The only place that knows.
//!
//! The broker's texts name topic, partition, numbers and remedy already; here they get the name and the facts that
//! programs go by.

mod refusal;

use broker::{
    ChangeError, DeleteRecordsError, FetchError, InitProducerError, ListOffsetsError, NotJoined,
    PartitionError, ProduceError, TransferLeadershipError,
};
use model::{BrokerId, PartitionIndex, TopicName};
use rpc::{Reason, v1};

/// Why a partition does not serve.
pub(crate) fn partition(error: &PartitionError) -> v1::Error {
    let (reason, place) = match error {
        PartitionError::UnknownTopic { topic } => {
            return v1::Error::new(Reason::UnknownTopic, error.to_string()).with("topic", topic);
        }
        PartitionError::ShuttingDown => {
            return v1::Error::new(Reason::ShuttingDown, error.to_string());
        }
        PartitionError::NotJoined(reason) => return not_joined(reason),
        PartitionError::UnknownPartition {
            topic, partition, ..
        } => (Reason::UnknownPartition, (topic, *partition)),
        PartitionError::NotLeader {
            topic, partition, ..
        }
        | PartitionError::BeingRepaired {
            topic, partition, ..
        } => (Reason::NotLeader, (topic, *partition)),
        PartitionError::Lost {
            topic, partition, ..
        } => (Reason::RecordsLost, (topic, *partition)),
        PartitionError::NoQuorum { topic, partition } => (Reason::NoQuorum, (topic, *partition)),
        PartitionError::Damaged {
            topic, partition, ..
        } => (Reason::DataDamaged, (topic, *partition)),
        PartitionError::InDoubt {
            topic, partition, ..
        } => (Reason::ReplicaInDoubt, (topic, *partition)),
        PartitionError::NotOpened {
            topic, partition, ..
        }
        | PartitionError::Stopped {
            topic, partition, ..
        } => (Reason::PartitionStopped, (topic, *partition)),
        PartitionError::Opening { topic, partition } => (Reason::NotReady, (topic, *partition)),
    };
    let said = at(reason, error, place);
    match error {
        PartitionError::UnknownPartition { partitions, .. } => said.with("partitions", partitions),
        PartitionError::NotLeader { leader, .. } | PartitionError::BeingRepaired { leader, .. } => {
            with_leader(said, *leader)
        }
        PartitionError::Damaged { file, byte, .. } => {
            said.with("file", file.display()).with("byte", byte)
        }
        _ => said,
    }
}

/// Why this broker does not say what the cluster looks like.
pub(crate) fn not_joined(error: &NotJoined) -> v1::Error {
    v1::Error::new(Reason::NotReady, error.to_string())
}

/// Why a batch was not acknowledged.
pub(crate) fn produce(error: &ProduceError) -> v1::Error {
    match error {
        ProduceError::Partition(reason) => partition(reason),
        ProduceError::Invalid {
            topic,
            partition,
            reason,
        } => {
            let mut said = v1::Error::from(reason);
            said.message = error.to_string();
            said.with("topic", topic).with("partition", partition)
        }
        ProduceError::NotCreated { topic, reason } => {
            let mut said = change(reason);
            said.message = error.to_string();
            said.with("topic", topic)
        }
        ProduceError::OutOfOrderSequence {
            topic,
            partition,
            expected,
            found,
            ..
        } => at(Reason::OutOfOrderSequence, error, (topic, *partition))
            .with("expected", expected)
            .with("found", found),
        ProduceError::DuplicateSequence {
            topic,
            partition,
            expected,
            found,
            ..
        } => at(Reason::DuplicateSequence, error, (topic, *partition))
            .with("expected", expected)
            .with("found", found),
        ProduceError::Fenced {
            topic,
            partition,
            current_epoch,
            found,
            ..
        } => at(Reason::ProducerFenced, error, (topic, *partition))
            .with("current_epoch", current_epoch)
            .with("found", found),
        ProduceError::LogMovedOn {
            topic,
            partition,
            expected,
            actual,
        } => at(Reason::LogMovedOn, error, (topic, *partition))
            .with("expected", expected)
            .with("actual", actual),
        ProduceError::NoSpace {
            topic,
            partition,
            needed,
            free,
        } => at(Reason::NoSpace, error, (topic, *partition))
            .with("needed", needed)
            .with("free", free),
        ProduceError::TooManyUncommitted {
            topic,
            partition,
            bytes,
            limit,
        } => at(Reason::Overloaded, error, (topic, *partition))
            .with("bytes", bytes)
            .with("limit", limit),
        ProduceError::OutcomeUnknown { topic, partition } => {
            at(Reason::OutcomeUnknown, error, (topic, *partition))
        }
    }
}

/// Why nothing was read.
pub(crate) fn fetch(error: &FetchError) -> v1::Error {
    match error {
        FetchError::Partition(reason) => partition(reason),
        FetchError::BelowLogStart {
            topic,
            partition,
            wanted,
            log_start,
        } => at(Reason::OffsetBelowLogStart, error, (topic, *partition))
            .with("offset", wanted)
            .with("log_start", log_start),
        FetchError::AboveLogEnd {
            topic,
            partition,
            wanted,
            log_end,
        } => at(Reason::OffsetAboveLogEnd, error, (topic, *partition))
            .with("offset", wanted)
            .with("log_end", log_end),
        FetchError::Damaged {
            topic,
            partition,
            file,
            byte,
            ..
        } => at(Reason::DataDamaged, error, (topic, *partition))
            .with("file", file.display())
            .with("byte", byte),
        FetchError::Unreadable {
            topic,
            partition,
            file,
            ..
        } => at(Reason::ReadFailed, error, (topic, *partition)).with("file", file.display()),
    }
}

/// Why an offset was not found.
pub(crate) fn list_offsets(error: &ListOffsetsError) -> v1::Error {
    match error {
        ListOffsetsError::Read(reason) => fetch(reason),
        ListOffsetsError::Records {
            topic,
            partition,
            reason,
        } => v1::Error::from(reason).in_partition(topic, *partition),
    }
}

/// Why records were not deleted.
pub(crate) fn delete_records(error: &DeleteRecordsError) -> v1::Error {
    match error {
        DeleteRecordsError::Partition(reason) => partition(reason),
        DeleteRecordsError::AboveHighWatermark {
            topic,
            partition,
            wanted,
            high_watermark,
        } => at(Reason::OffsetAboveLogEnd, error, (topic, *partition))
            .with("offset", wanted)
            .with("high_watermark", high_watermark),
        DeleteRecordsError::NoSpace {
            topic,
            partition,
            needed,
            free,
        } => at(Reason::NoSpace, error, (topic, *partition))
            .with("needed", needed)
            .with("free", free),
        DeleteRecordsError::TooManyUncommitted {
            topic,
            partition,
            bytes,
            limit,
        } => at(Reason::Overloaded, error, (topic, *partition))
            .with("bytes", bytes)
            .with("limit", limit),
        DeleteRecordsError::OutcomeUnknown { topic, partition } => {
            at(Reason::OutcomeUnknown, error, (topic, *partition))
        }
    }
}

/// Why the cluster's state was not changed.
pub(crate) fn change(error: &ChangeError) -> v1::Error {
    let said = |reason| v1::Error::new(reason, error.to_string());
    match error {
        ChangeError::Refused(refusal) => refusal::of(refusal),
        ChangeError::NotLeader { leader } => with_leader(said(Reason::NotLeader), *leader),
        ChangeError::NoQuorum => said(Reason::NoQuorum),
        ChangeError::NoSpace { needed, free } => said(Reason::NoSpace)
            .with("needed", needed)
            .with("free", free),
        ChangeError::TooManyWaiting { bytes, limit } => said(Reason::Overloaded)
            .with("bytes", bytes)
            .with("limit", limit),
        ChangeError::Stopped { .. } => said(Reason::PartitionStopped),
        ChangeError::OutcomeUnknown => said(Reason::OutcomeUnknown),
        ChangeError::TooLarge { .. } => said(Reason::InvalidField),
        ChangeError::ShuttingDown => said(Reason::ShuttingDown),
    }
}

/// Why a leadership was not handed over.
pub(crate) fn transfer(error: &TransferLeadershipError) -> v1::Error {
    match error {
        TransferLeadershipError::Partition(reason) => partition(reason),
        TransferLeadershipError::NoReplica {
            topic,
            partition,
            broker,
        } => at(Reason::InvalidReplicas, error, (topic, *partition)).with("broker", broker),
        TransferLeadershipError::NobodyElse { topic, partition }
        | TransferLeadershipError::Refused {
            topic, partition, ..
        } => at(Reason::NotTransferred, error, (topic, *partition)),
    }
}

/// Why no producer id was issued.
pub(crate) fn init_producer(error: &InitProducerError) -> v1::Error {
    let mut said = change(&error.0);
    said.message = error.to_string();
    said
}

fn at(
    reason: Reason,
    error: &impl std::error::Error,
    (topic, partition): (&TopicName, PartitionIndex),
) -> v1::Error {
    v1::Error::new(reason, error.to_string())
        .with("topic", topic)
        .with("partition", partition)
}

fn with_leader(error: v1::Error, leader: Option<BrokerId>) -> v1::Error {
    match leader {
        Some(leader) => error.with("leader", leader),
        None => error,
    }
}
