//! Empties brokers that are being decommissioned: the leader of the metadata moves some of their partitions at a time.

use model::BrokerId;

use metadata::BrokerState;

use crate::{Broker, ChangeError};

/// How many partitions move off one broker at a time.
const MOVES_AT_A_TIME: usize = 64;

/// Plans the next moves. Whether any broker is on its way out.
pub(super) async fn plan(broker: &Broker) -> bool {
    if !broker.metadata.status().serves {
        return false;
    }
    let leaving: Vec<BrokerId> = broker.state(|state| {
        let leaving = |known: &&metadata::Broker| known.state == BrokerState::Decommissioning;
        state
            .brokers()
            .filter(leaving)
            .map(|known| known.id)
            .collect()
    });
    for leaver in &leaving {
        if let Err(error) = next_moves(broker, *leaver).await {
            tracing::warn!(broker = %leaver, %error, "replicas are not moved off a broker that leaves; trying again");
        }
    }
    !leaving.is_empty()
}

async fn next_moves(broker: &Broker, leaver: BrokerId) -> Result<(), ChangeError> {
    let avoid = broker.unreachable();
    let moves = broker.state(|state| {
        let Some(replica) = state.broker(leaver).map(|known| known.replica) else {
            return Vec::new();
        };
        let is_on_its_way =
            |partition: &metadata::Partition| !partition.replicas.contains(&replica);
        let under_way = state
            .partitions_on(replica)
            .filter(|(_, _, partition)| is_on_its_way(partition))
            .count();
        let room = MOVES_AT_A_TIME.saturating_sub(under_way);
        state.plan_decommission(leaver, &avoid, room)
    });
    if moves.is_empty() {
        return Ok(());
    }
    tracing::info!(broker = %leaver, partitions = moves.len(), "moving replicas off a broker that leaves");
    broker.propose_moves(moves, false).await
}
