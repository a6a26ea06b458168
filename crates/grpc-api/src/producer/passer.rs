//! What a session passes on to leaders: one stream to each, opened by the first batch.

use std::collections::HashMap;

use model::batch::Batch;
use model::{Acks, BrokerId, Offset, PartitionIndex, TopicName};
use rpc::{v1, wire_offset};

use crate::forward::{Forward, Lane, Target};
use crate::topic::describe::partition_index;

/// One session's streams to leaders.
pub(super) struct Passer {
    forward: Forward,
    lanes: HashMap<BrokerId, (Target, Lane)>,
}

impl Passer {
    pub(super) fn new(forward: Forward) -> Self {
        Self {
            forward,
            lanes: HashMap::new(),
        }
    }

    /// The leader of a partition, where that is another broker.
    pub(super) fn elsewhere(&self, topic: &TopicName, partition: PartitionIndex) -> Option<Target> {
        self.forward.elsewhere(topic, partition)
    }

    /// The stream to a leader; a new one where the last has broken, or the leader has moved.
    pub(super) fn lane(&mut self, target: &Target) -> Result<&Lane, v1::Error> {
        let open = self.lanes.get(&target.broker);
        let is_good = open.is_some_and(|(to, lane)| to == target && !lane.is_broken());
        if !is_good {
            let lane = Lane::open(&self.forward, target)?;
            self.lanes.insert(target.broker, (target.clone(), lane));
        }
        let open = self.lanes.get(&target.broker);
        open.map(|(_, lane)| lane)
            .ok_or_else(|| target.unreachable("it has no connection"))
    }
}

/// The batch as it is passed on: its bytes as they are.
pub(super) fn outgoing(
    topic: &TopicName,
    partition: PartitionIndex,
    batch: &Batch,
    expected: Option<Offset>,
    acks: Acks,
) -> v1::ProduceStreamRequest {
    v1::ProduceStreamRequest {
        batch: Some(v1::ProduceBatch {
            topic: topic.to_string(),
            partition: Some(partition_index(partition)),
            payload: Some(v1::produce_batch::Payload::Encoded(batch.to_bytes())),
            expected_base_offset: expected.map(wire_offset),
        }),
        acks: v1::Acks::from(acks).into(),
    }
}
