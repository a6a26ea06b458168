//! Drains brokers, takes that back, and lets brokers go for good.

use model::{BrokerId, ReplicaId};

use crate::broker::{Broker, BrokerState};
use crate::command::DrainBroker;
use crate::outcome::{Answer, Effect, Outcome};
use crate::refusal::Refusal;
use crate::state::ClusterState;

impl ClusterState {
    /// A drain asked for at a start that is over by now is over, too: the broker is left as it is.
    pub(super) fn drain_broker(&mut self, command: DrainBroker) -> Result<Outcome, Refusal> {
        self.formed()?;
        let DrainBroker {
            broker,
            start_counter,
        } = command;
        let known = self.staying_broker(broker)?;
        if known.start_counter > start_counter {
            return Ok(Outcome::unchanged(Answer::BrokerStateSet {
                state: known.state,
            }));
        }
        // A counter ahead of the known one would outlast the next start.
        let start_counter = known.start_counter;
        Ok(self.set_broker_state(broker, BrokerState::Draining { start_counter }))
    }

    pub(super) fn undrain_broker(&mut self, broker: BrokerId) -> Result<Outcome, Refusal> {
        self.formed()?;
        self.staying_broker(broker)?;
        Ok(self.set_broker_state(broker, BrokerState::Active))
    }

    pub(super) fn decommission_broker(&mut self, broker: BrokerId) -> Result<Outcome, Refusal> {
        self.formed()?;
        let known = self.require_broker(broker)?;
        if known.state.is_leaving() {
            return Ok(Outcome::unchanged(Answer::BrokerStateSet {
                state: known.state,
            }));
        }
        self.check_decommission(broker)?;
        let mut outcome = self.set_broker_state(broker, BrokerState::Decommissioning);
        self.release_empty_brokers();
        if let Some(known) = self.brokers.get(&broker) {
            outcome.answer = Answer::BrokerStateSet { state: known.state };
        }
        Ok(outcome)
    }

    /// Checks that enough brokers remain without this one for every topic's replicas.
    pub(crate) fn check_decommission(&self, broker: BrokerId) -> Result<(), Refusal> {
        let stays = |other: &&Broker| other.id != broker && !other.state.is_leaving();
        let remaining = self.brokers().filter(stays).count() as u64;
        if remaining == 0 {
            return Err(Refusal::LastBroker { broker });
        }
        let largest = self
            .topics()
            .max_by_key(|topic| topic.replication_factor().get());
        match largest {
            Some(topic) if u64::from(topic.replication_factor().get()) > remaining => {
                Err(Refusal::TooFewBrokersRemain {
                    broker,
                    topic: topic.name().clone(),
                    wanted: u64::from(topic.replication_factor().get()),
                    remaining,
                })
            }
            _ => Ok(()),
        }
    }

    /// Marks the leaving brokers that bear nothing any more as gone.
    pub(super) fn release_empty_brokers(&mut self) {
        let leaving = |broker: &&Broker| broker.state == BrokerState::Decommissioning;
        let leaving: Vec<(BrokerId, ReplicaId)> = self
            .brokers()
            .filter(leaving)
            .map(|broker| (broker.id, broker.replica))
            .collect();
        for (broker, replica) in leaving {
            if self.partitions_on(replica).next().is_none() {
                self.set_broker_state(broker, BrokerState::Decommissioned);
            }
        }
    }

    fn set_broker_state(&mut self, broker: BrokerId, state: BrokerState) -> Outcome {
        let answer = Answer::BrokerStateSet { state };
        match self.brokers.get_mut(&broker) {
            Some(known) if known.state != state => {
                known.state = state;
                Outcome::changed(answer, Effect::BrokerChanged { broker })
            }
            _ => Outcome::unchanged(answer),
        }
    }

    /// The broker, or the refusal that says there is none.
    pub(crate) fn require_broker(&self, broker: BrokerId) -> Result<&Broker, Refusal> {
        self.broker(broker).ok_or(Refusal::UnknownBroker { broker })
    }

    fn staying_broker(&self, broker: BrokerId) -> Result<&Broker, Refusal> {
        let known = self.require_broker(broker)?;
        if known.state.is_leaving() {
            return Err(Refusal::IsLeaving {
                broker,
                state: known.state,
            });
        }
        Ok(known)
    }
}
