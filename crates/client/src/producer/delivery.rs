//! What becomes of a batch.

use std::pin::Pin;
use std::task::{Context, Poll};

use model::{Durability, Offset, PartitionIndex};
use rpc::v1;
use tokio::sync::oneshot;

use super::error::ProduceError;
use crate::refusal::Refusal;
use crate::wire::{self, Problem};

/// How far a batch has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// The broker has acknowledged it.
    Acknowledged(Acknowledgement),
    /// It was sent; no acknowledgement was asked for.
    Sent,
}

/// A broker's acknowledgement of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Where the batch went.
    pub partition: PartitionIndex,
    /// The offset of its first record.
    pub base_offset: Offset,
    /// How many records were written.
    pub records: u64,
    /// What the acknowledgement promises.
    pub durability: Durability,
    /// Whether an earlier attempt had written it.
    pub duplicate: bool,
}

/// Waits for the result of one batch.
#[derive(Debug)]
pub struct Delivery {
    result: oneshot::Receiver<Result<Delivered, ProduceError>>,
}

impl Delivery {
    pub(super) fn new(result: oneshot::Receiver<Result<Delivered, ProduceError>>) -> Self {
        Self { result }
    }
}

impl Future for Delivery {
    type Output = Result<Delivered, ProduceError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.result)
            .poll(context)
            .map(|result| result.unwrap_or(Err(ProduceError::Abandoned)))
    }
}

/// What the broker says of a batch; the outer error is an answer that makes no sense.
pub(super) fn read_result(
    result: v1::ProduceResult,
) -> Result<Result<Acknowledgement, Refusal>, Problem> {
    if let Some(error) = result.error {
        return Ok(Err(Refusal::from(error)));
    }
    Ok(Ok(Acknowledgement {
        partition: wire::partition(result.partition)?,
        base_offset: wire::offset("base_offset", result.base_offset)?,
        records: wire::count("records", result.records.into())?,
        durability: wire::durability(result.durability)?,
        duplicate: result.duplicate,
    }))
}
