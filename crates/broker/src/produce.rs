//! Produces batches: a session submits them, their results come back in the same order.

mod auto_create;
mod in_order;
mod outcome;
mod session;
#[cfg(test)]
mod tests;

use model::{Durability, Offset};

pub use session::{ProduceResults, ProduceSession};

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
