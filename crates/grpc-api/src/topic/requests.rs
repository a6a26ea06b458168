//! Checks requests about topics.

use broker::CreateTopic;
use model::name::NameError;
use model::{Offset, PartitionIndex, TopicName};
use rpc::{InvalidField, v1};

/// Where records are to be deleted.
pub(crate) struct Deletion {
    pub(super) topic: TopicName,
    pub(super) partition: PartitionIndex,
    /// `None`: all that are committed.
    pub(super) before: Option<Offset>,
}

/// A topic's name.
pub(super) fn name(name: &str) -> Result<TopicName, NameError> {
    TopicName::new(name)
}

/// A number that counts something.
pub(super) fn count(field: &str, value: i32) -> Result<u32, InvalidField> {
    u32::try_from(value).map_err(|_| InvalidField::new(field, value, "1 or more"))
}

/// A topic to be created. What is too large is refused by the cluster, which knows the limits.
pub(crate) fn create(request: v1::CreateTopicRequest) -> Result<CreateTopic, v1::Error> {
    let name = name(&request.name)?;
    let partitions = request.partitions.map(|number| count("partitions", number));
    let replicas = request.replication_factor.map(|number| {
        u16::try_from(number).map_err(|_| {
            InvalidField::new("replication_factor", number, "1 to the number of brokers")
        })
    });
    Ok(CreateTopic {
        name,
        partitions: partitions.transpose()?,
        replication_factor: replicas.transpose()?,
        configs: request.configs.into_iter().collect(),
        validate_only: request.validate_only,
    })
}

/// Records to be deleted, at least of one partition.
pub(crate) fn delete_records(
    request: &v1::DeleteRecordsRequest,
) -> Result<Vec<Deletion>, v1::Error> {
    if request.partitions.is_empty() {
        return Err(InvalidField::missing("partitions", "at least one partition").into());
    }
    let one = |(place, wanted): (usize, &v1::DeleteRecordsPartition)| {
        let within = |error: InvalidField| error.within(format_args!("partitions[{place}]"));
        let before = wanted
            .before_offset
            .map(|offset| rpc::offset("before_offset", offset));
        Ok(Deletion {
            topic: name(&wanted.topic)?,
            partition: rpc::partition("partition", wanted.partition).map_err(within)?,
            before: before.transpose().map_err(within)?,
        })
    };
    request.partitions.iter().enumerate().map(one).collect()
}
