//! Numbers of the API as the model's words: what cannot be one is named, never guessed.

use model::{BrokerId, Durability, Offset, PartitionIndex};
use rpc::v1;

/// What is wrong with a broker's answer.
pub(crate) type Problem = String;

pub(crate) fn offset(field: &str, value: i64) -> Result<Offset, Problem> {
    u64::try_from(value)
        .map(Offset::new)
        .map_err(|_| format!("{field} is {value}"))
}

pub(crate) fn partition(value: i32) -> Result<PartitionIndex, Problem> {
    u32::try_from(value)
        .map(PartitionIndex::new)
        .map_err(|_| format!("partition is {value}"))
}

pub(crate) fn broker(value: i32) -> Result<BrokerId, Problem> {
    u32::try_from(value)
        .map(BrokerId::new)
        .map_err(|_| format!("broker is {value}"))
}

pub(crate) fn brokers(values: Vec<i32>) -> Result<Vec<BrokerId>, Problem> {
    values.into_iter().map(broker).collect()
}

pub(crate) fn count(field: &str, value: i64) -> Result<u64, Problem> {
    u64::try_from(value).map_err(|_| format!("{field} is {value}"))
}

pub(crate) fn durability(value: i32) -> Result<Durability, Problem> {
    let known = v1::Durability::try_from(value)
        .ok()
        .and_then(v1::Durability::to_model);
    known.ok_or_else(|| format!("durability is {value}"))
}

/// A partition as the API has it; one that does not fit is none that exists.
pub(crate) fn partition_field(partition: PartitionIndex) -> i32 {
    i32::try_from(partition.get()).unwrap_or(i32::MAX)
}

/// A broker's id as the API has it; one that does not fit is none that exists.
pub(crate) fn broker_field(broker: BrokerId) -> i32 {
    i32::try_from(broker.get()).unwrap_or(i32::MAX)
}
