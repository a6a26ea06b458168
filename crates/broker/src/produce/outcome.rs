//! What a group says of a batch, in the words of the topic and partition it went to.

use model::Durability;
use replication::{ProduceOutcome, ProduceRefusal, ProposeError};

use super::Produced;
use super::in_order::Proposed;
use crate::ProduceError;
use crate::partitions::LocalPartition;

/// The result of a batch that was handed on.
pub(super) fn result_of(
    proposed: &Proposed,
    outcome: ProduceOutcome,
) -> Result<Produced, ProduceError> {
    let partition = &*proposed.partition;
    // The weaker of what was promised at the two moments: the config may have changed in between.
    let durability = weaker(proposed.durability, partition.durability());
    let produced = |base_offset, records, duplicate| Produced {
        base_offset,
        records,
        durability,
        duplicate,
    };
    match outcome {
        ProduceOutcome::Appended {
            base_offset,
            records,
            ..
        } => Ok(produced(base_offset, records, false)),
        ProduceOutcome::Duplicate { base_offset } => {
            Ok(produced(base_offset, proposed.records, true))
        }
        ProduceOutcome::Refused(refusal) => Err(refused(partition, refusal)),
        ProduceOutcome::NotLeader { leader } => Err(partition.not_leader(leader).into()),
        ProduceOutcome::NoQuorum => Err(partition.no_quorum().into()),
        ProduceOutcome::Unknown => Err(unknown(partition)),
    }
}

/// The one that promises less.
pub(super) fn weaker(one: Durability, other: Durability) -> Durability {
    match (one, other) {
        (Durability::Fsync, Durability::Fsync) => Durability::Fsync,
        _ => Durability::PageCache,
    }
}

/// That nobody knows whether a batch was written.
pub(super) fn unknown(partition: &LocalPartition) -> ProduceError {
    ProduceError::OutcomeUnknown {
        topic: partition.topic.clone(),
        partition: partition.partition,
    }
}

/// Why a batch was not even handed on.
pub(super) fn not_proposed(partition: &LocalPartition, error: ProposeError) -> ProduceError {
    let (topic, number) = (partition.topic.clone(), partition.partition);
    match error {
        ProposeError::NotLeader { leader } => partition.not_leader(leader).into(),
        ProposeError::NoQuorum => partition.no_quorum().into(),
        ProposeError::NoSpace(full) => ProduceError::NoSpace {
            topic,
            partition: number,
            needed: full.needed,
            free: full.free,
        },
        ProposeError::TooManyUncommitted { bytes, limit } => ProduceError::TooManyUncommitted {
            topic,
            partition: number,
            bytes,
            limit,
        },
        ProposeError::Stopped { reason } => partition.stopped(&reason).into(),
        ProposeError::Unknown => unknown(partition),
    }
}

fn refused(partition: &LocalPartition, refusal: ProduceRefusal) -> ProduceError {
    let topic = partition.topic.clone();
    let partition = partition.partition;
    match refusal {
        ProduceRefusal::OutOfOrderSequence {
            producer,
            expected,
            found,
        } => ProduceError::OutOfOrderSequence {
            topic,
            partition,
            producer,
            expected,
            found,
        },
        ProduceRefusal::DuplicateSequence {
            producer,
            expected,
            found,
        } => ProduceError::DuplicateSequence {
            topic,
            partition,
            producer,
            expected,
            found,
        },
        ProduceRefusal::Fenced {
            producer,
            current_epoch,
            found,
        } => ProduceError::Fenced {
            topic,
            partition,
            producer,
            current_epoch,
            found,
        },
        ProduceRefusal::LogMovedOn { expected, actual } => ProduceError::LogMovedOn {
            topic,
            partition,
            expected,
            actual,
        },
    }
}
