//! Checks the numbers of requests: protobuf has no unsigned defaults that every language agrees on, so sizes and
//! offsets come signed.

use std::fmt;
use std::time::Duration;

use model::batch::ProducerStamp;
use model::{Offset, PartitionIndex, ProducerId, Timestamp};
use thiserror::Error;

use crate::v1;

/// The longest value that an error repeats, in characters.
const VALUE_CHARS_MAX: usize = 100;

/// A field of a request that is not what it may be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{field}` is {value}; use {expected}")]
pub struct InvalidField {
    /// The field's name, with its path where it lies deeper.
    pub field: String,
    /// Its value, clipped.
    pub value: String,
    /// What is allowed.
    pub expected: String,
}

impl InvalidField {
    /// A field with this value, where only `expected` is allowed.
    pub fn new(
        field: impl Into<String>,
        value: impl fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            value: value.to_string().chars().take(VALUE_CHARS_MAX).collect(),
            expected: expected.into(),
        }
    }

    /// A field that is absent or empty and must not be.
    pub fn missing(field: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::new(field, "missing", expected)
    }

    /// The same field, inside of `parent`.
    #[must_use]
    pub fn within(mut self, parent: impl fmt::Display) -> Self {
        self.field = format!("{parent}.{}", self.field);
        self
    }
}

/// An offset.
///
/// # Errors
/// [`InvalidField`], where it is negative.
pub fn offset(field: &str, value: i64) -> Result<Offset, InvalidField> {
    u64::try_from(value)
        .map(Offset::new)
        .map_err(|_| InvalidField::new(field, value, "an offset of 0 or more"))
}

/// A partition.
///
/// # Errors
/// [`InvalidField`], where it is negative.
pub fn partition(field: &str, value: i32) -> Result<PartitionIndex, InvalidField> {
    u32::try_from(value)
        .map(PartitionIndex::new)
        .map_err(|_| InvalidField::new(field, value, "a partition of 0 or more"))
}

/// A number of bytes.
///
/// # Errors
/// [`InvalidField`], where it is negative.
pub fn bytes(field: &str, value: impl Into<i64>) -> Result<u64, InvalidField> {
    let value = value.into();
    u64::try_from(value).map_err(|_| InvalidField::new(field, value, "0 bytes or more"))
}

/// A number of milliseconds.
///
/// # Errors
/// [`InvalidField`], where it is negative.
pub fn millis(field: &str, value: i32) -> Result<Duration, InvalidField> {
    u64::try_from(value)
        .map(Duration::from_millis)
        .map_err(|_| InvalidField::new(field, value, "0 ms or more"))
}

/// A timestamp; those before 1970 are legal in a batch and so they are here.
pub fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// An idempotent producer's stamp.
///
/// # Errors
/// [`InvalidField`], where a number is negative or the epoch too large.
pub fn producer_stamp(sequence: &v1::ProducerSequence) -> Result<ProducerStamp, InvalidField> {
    let v1::ProducerSequence {
        producer_id,
        epoch,
        base_sequence,
    } = *sequence;
    let id = u64::try_from(producer_id)
        .map_err(|_| InvalidField::new("producer_id", producer_id, "the id from InitProducer"))?;
    let epoch = i16::try_from(epoch)
        .ok()
        .filter(|epoch| *epoch >= 0)
        .ok_or_else(|| {
            InvalidField::new("epoch", epoch, "the epoch from InitProducer, 0 to 32767")
        })?;
    if base_sequence < 0 {
        let expected = "a sequence number of 0 or more";
        return Err(InvalidField::new("base_sequence", base_sequence, expected));
    }
    Ok(ProducerStamp {
        id: ProducerId::new(id),
        epoch,
        base_sequence,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_numbers_are_refused_by_name_and_value() {
        let text = |error: InvalidField| error.to_string();
        assert_eq!(
            offset("offset", -5).map_err(text),
            Err("`offset` is -5; use an offset of 0 or more".to_owned())
        );
        assert_eq!(
            partition("partition", -1).map_err(text),
            Err("`partition` is -1; use a partition of 0 or more".to_owned())
        );
        assert!(bytes("max_bytes", -1).is_err());
        assert!(millis("max_wait_ms", i32::MIN).is_err());
        let nested = offset("offset", -5).unwrap_err().within("partitions[2]");
        assert_eq!(nested.field, "partitions[2].offset");
    }

    #[test]
    fn a_stamp_has_no_negative_number_and_no_epoch_that_the_batch_cannot_hold() {
        let stamp = |producer_id, epoch, base_sequence| {
            producer_stamp(&v1::ProducerSequence {
                producer_id,
                epoch,
                base_sequence,
            })
            .map_err(|error| error.field)
        };
        assert_eq!(stamp(-1, 0, 0), Err("producer_id".to_owned()));
        assert_eq!(stamp(1, -1, 0), Err("epoch".to_owned()));
        assert_eq!(stamp(1, 32_768, 0), Err("epoch".to_owned()));
        assert_eq!(stamp(1, 0, -1), Err("base_sequence".to_owned()));
        assert!(stamp(1, 32_767, i32::MAX).is_ok());
    }
}
