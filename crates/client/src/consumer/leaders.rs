//! Finds out who leads partitions, and where that broker is reached.

use std::collections::{BTreeMap, BTreeSet};

use model::TopicName;

use crate::call_error::CallError;
use crate::client::Client;
use crate::topic_partition::TopicPartition;

/// The addresses of the leaders of all partitions of some topics, where they are known.
pub(super) async fn leaders_of(
    client: &Client,
    topics: BTreeSet<TopicName>,
) -> Result<BTreeMap<TopicPartition, String>, CallError> {
    let brokers = client.learn_brokers().await?;
    let mut leaders = BTreeMap::new();
    for topic in topics {
        let Some(found) = client.admin().find_topic(topic.as_str()).await? else {
            continue;
        };
        for partition in found.partitions {
            let leader = partition.leader;
            let leader = leader.and_then(|id| brokers.iter().find(|broker| broker.id == id));
            if let Some(leader) = leader {
                let of = TopicPartition {
                    topic: topic.clone(),
                    partition: partition.partition,
                };
                leaders.insert(of, leader.grpc_address.clone());
            }
        }
    }
    Ok(leaders)
}
