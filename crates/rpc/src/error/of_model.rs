//! Which reason each error of the model has.

use model::batch::{BuildError, CodecError, InvalidBatch, RecordError};
use model::name::NameError;

use crate::reason::Reason;
use crate::{InvalidField, v1};

impl From<InvalidField> for v1::Error {
    fn from(error: InvalidField) -> Self {
        Self::new(Reason::InvalidField, error.to_string())
            .with("field", &error.field)
            .with("value", &error.value)
    }
}

impl From<NameError> for v1::Error {
    fn from(error: NameError) -> Self {
        let message = error.to_string();
        let named = Self::new(Reason::InvalidTopicName, message);
        match error {
            NameError::Empty | NameError::TooLong { .. } => named,
            NameError::IllegalCharacter { name, .. } | NameError::Reserved { name } => {
                named.with("topic", name.escape_debug())
            }
        }
    }
}

impl From<&InvalidBatch> for v1::Error {
    fn from(error: &InvalidBatch) -> Self {
        let reason = match error {
            InvalidBatch::Corrupt(_) => Reason::CorruptBatch,
            InvalidBatch::TooLarge { .. } => Reason::BatchTooLarge,
            InvalidBatch::Control => Reason::ControlBatch,
            InvalidBatch::Transactional => Reason::TransactionalBatch,
            InvalidBatch::UnknownAttributes { .. } => Reason::UnknownAttributes,
            InvalidBatch::UnknownCodec { .. } => Reason::UnknownCodec,
            InvalidBatch::WrongCount { .. } => Reason::WrongRecordCount,
            InvalidBatch::NegativeSequence { .. } => Reason::NegativeSequence,
            InvalidBatch::TimestampOutOfRange { .. } => Reason::TimestampOutOfRange,
        };
        let said = Self::new(reason, error.to_string());
        match error {
            InvalidBatch::TooLarge { bytes, limit } => {
                said.with("bytes", bytes).with("limit", limit)
            }
            InvalidBatch::TimestampOutOfRange { timestamp, .. } => {
                said.with("timestamp_ms", timestamp.as_millis())
            }
            _ => said,
        }
    }
}

impl From<&BuildError> for v1::Error {
    fn from(error: &BuildError) -> Self {
        let message = error.to_string();
        match error {
            BuildError::Empty => Self::new(Reason::InvalidField, message).with("field", "records"),
            BuildError::TooLarge { bytes } => {
                Self::new(Reason::BatchTooLarge, message).with("bytes", bytes)
            }
            BuildError::Codec(_) => Self::new(Reason::Internal, message),
        }
    }
}

impl From<&RecordError> for v1::Error {
    fn from(error: &RecordError) -> Self {
        match error {
            RecordError::Codec(CodecError::TooLarge { limit, .. }) => Self::new(
                Reason::DecompressedTooLarge,
                format!("{error}; fetch it encoded and decompress it yourself"),
            )
            .with("limit", limit),
            RecordError::Codec(_)
            | RecordError::Malformed { .. }
            | RecordError::WrongCount { .. } => {
                let message =
                    format!("{error}; its producer wrote it so; fetch it encoded, or skip it");
                Self::new(Reason::UnreadableRecords, message)
            }
        }
    }
}
