//! Issues producer ids from blocks that the cluster hands out.

use metadata::command::AllocateProducerIds;
use metadata::{Answer, Command};
use model::ProducerId;
use tokio::sync::Mutex;

use crate::{Broker, ChangeError, InitProducerError};

/// How many ids are asked for at a time.
const BLOCK: u64 = 1_000;

/// The block at hand: ids that nobody was given yet.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds(Mutex<std::ops::Range<u64>>);

impl Broker {
    /// Issues a producer id, nobody else's. Its epoch is 0.
    ///
    /// # Errors
    /// [`InitProducerError`], where a new block of ids was needed and not to be had.
    pub async fn init_producer(&self) -> Result<ProducerId, InitProducerError> {
        let mut block = self.producer_ids.0.lock().await;
        if let Some(id) = block.next() {
            return Ok(ProducerId::new(id));
        }
        let command = Command::AllocateProducerIds(AllocateProducerIds {
            broker: self.settings.identity.broker,
            count: BLOCK,
        });
        match self.change(command).await? {
            Answer::ProducerIds { first, count } => {
                *block = first.get() + 1..first.get() + count;
                Ok(first)
            }
            _ => Err(ChangeError::OutcomeUnknown.into()),
        }
    }
}
