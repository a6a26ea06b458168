//! Why records cannot be read.

use model::Offset;
use model::batch::{BatchError, RecordError};
use thiserror::Error;

use crate::call_error::CallError;
use crate::refusal::Refusal;
use crate::topic_partition::TopicPartition;

/// Why a consumer does not go on.
#[derive(Clone, Debug, Error)]
pub enum ConsumeError {
    /// The stream could not be opened, or opened again, in time.
    #[error(transparent)]
    Call(#[from] CallError),
    /// One partition was refused.
    #[error("{partition}: {refusal}")]
    Partition {
        /// Which one.
        partition: TopicPartition,
        /// Why.
        refusal: Refusal,
    },
}

/// Bytes that came and are not sound: a batch was damaged on its way, or written so by its producer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{partition}: the batch at offset {at} cannot be read: {damage}")]
pub struct DamagedError {
    /// Whose batch.
    pub partition: TopicPartition,
    /// Where it begins, or where the batch before it ends.
    pub at: Offset,
    /// What is wrong with it.
    #[source]
    pub damage: Damage,
}

/// What is wrong with a batch.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Damage {
    /// The batch as a whole.
    #[error(transparent)]
    Batch(BatchError),
    /// Its records.
    #[error(transparent)]
    Records(RecordError),
}
