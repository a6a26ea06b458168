//! Hands out a block of producer ids.

use model::ProducerId;

use crate::command::AllocateProducerIds;
use crate::limits::{PRODUCER_ID_END, PRODUCER_IDS_PER_BLOCK_MAX};
use crate::outcome::{Answer, Outcome};
use crate::refusal::Refusal;
use crate::state::ClusterState;

impl ClusterState {
    pub(super) fn allocate_producer_ids(
        &mut self,
        command: AllocateProducerIds,
    ) -> Result<Outcome, Refusal> {
        self.formed()?;
        let AllocateProducerIds { broker, count } = command;
        if !self.brokers.contains_key(&broker) {
            return Err(Refusal::UnknownBroker { broker });
        }
        if !(1..=PRODUCER_IDS_PER_BLOCK_MAX).contains(&count) {
            return Err(Refusal::BadProducerIdCount {
                wanted: count,
                limit: PRODUCER_IDS_PER_BLOCK_MAX,
            });
        }
        let left = PRODUCER_ID_END.saturating_sub(self.next_producer);
        if count > left {
            return Err(Refusal::ProducerIdsExhausted {
                wanted: count,
                left,
            });
        }
        let first = ProducerId::new(self.next_producer);
        self.next_producer += count;
        // Nobody but the proposer acts upon it.
        Ok(Outcome::unchanged(Answer::ProducerIds { first, count }))
    }
}
