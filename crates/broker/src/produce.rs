//! Produces batches: a session submits them, their results come back in the same order.

use model::{Acks, Durability, Offset, PartitionIndex, TopicName, batch::Batch};

use crate::ProduceError;

/// What became of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceResult {
    /// The caller's own number for the batch.
    pub tag: u64,
    /// Where it was written, or why not.
    pub outcome: Result<Produced, ProduceError>,
}

/// A batch that is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Produced {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// How many records it has.
    pub records: u32,
    /// What the acknowledgement promises.
    pub durability: Durability,
    /// Whether an earlier attempt had written it; `base_offset` is where.
    pub duplicate: bool,
}

/// Submits batches. Dropping it ends the session; what was submitted is still answered.
#[derive(Debug)]
pub struct ProduceSession {}

/// The results of one session, in the order of submission.
#[derive(Debug)]
pub struct ProduceResults {}

impl ProduceSession {
    /// Submits a batch as it came from the client. Waits while too many bytes are in flight, and until a
    /// missing topic is created. Its result, good or bad, comes out of [`ProduceResults`], with `tag`; a batch
    /// with [`Acks::None`] has none.
    pub async fn submit(
        &mut self,
        topic: &TopicName,
        partition: PartitionIndex,
        batch: Batch,
        acks: Acks,
        tag: u64,
    ) {
        let _ = (topic, partition, batch, acks, tag);
    }
}

impl ProduceResults {
    /// Waits for a result and adds it to `results` together with all that are ready behind it. False once the
    /// session has ended and every result was taken.
    pub async fn next_ready(&mut self, results: &mut Vec<ProduceResult>) -> bool {
        let _ = results;
        false
    }
}
