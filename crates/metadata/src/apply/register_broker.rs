//! Registers a broker that has started, and issues its replica id.
//!
//! The first disk of an initial broker bears the broker's own number as its replica id. Every other disk
//! gets the next one, never issued before: a disk that has lost its log must not vote as the one that
//! had it.

use model::{BrokerId, DiskEpoch, DiskId, ReplicaId};

use crate::broker::{Broker, BrokerState};
use crate::command::RegisterBroker;
use crate::limits::{ADDRESS_BYTES_MAX, RETIRED_DISKS_MAX};
use crate::outcome::{Answer, Effect, Outcome};
use crate::refusal::Refusal;
use crate::state::{ClusterState, Formed};

impl ClusterState {
    pub(super) fn register_broker(&mut self, command: &RegisterBroker) -> Result<Outcome, Refusal> {
        let formed = self.formed()?;
        check_texts(command)?;
        let start = (command.start_counter, command.epoch);
        self.judge_disk(command.broker, command.disk, start)?;
        let known = self.brokers.get(&command.broker).cloned();
        let (replica, replaced) = match &known {
            Some(known) if known.disk == command.disk => (known.replica, None),
            Some(known) => {
                self.check_room_for_replaced_disk()?;
                (self.issue_replica(), Some(known.clone()))
            }
            None => {
                self.check_room_for_broker(command.broker, formed)?;
                (self.first_replica(command, formed), None)
            }
        };
        let answer = Answer::BrokerRegistered {
            replica,
            replaced: replaced.as_ref().map(|broker| broker.replica),
        };
        let broker = Broker {
            id: command.broker,
            disk: command.disk,
            replica,
            start_counter: command.start_counter,
            epoch: command.epoch,
            grpc_address: command.grpc_address.clone(),
            peer_address: command.peer_address.clone(),
            rack: command.rack.clone(),
            state: state_after(known.as_ref(), command),
        };
        if known.as_ref() == Some(&broker) {
            return Ok(Outcome::unchanged(answer));
        }
        self.brokers.insert(broker.id, broker);
        let mut outcome = Outcome::changed(
            answer,
            Effect::BrokerChanged {
                broker: command.broker,
            },
        );
        if let Some(replaced) = replaced {
            self.replaced_disks.insert(replaced.disk, replaced.id);
            outcome.effects.push(Effect::ReplicaRetired {
                broker: replaced.id,
                replica: replaced.replica,
            });
            let moved = self.replace_replica(replaced.replica, replica);
            outcome.effects.extend(moved);
        }
        Ok(outcome)
    }

    /// Whether a broker may take part on this disk, at this start of it: the start counter and the epoch.
    ///
    /// # Errors
    /// [`Refusal`]: the disk was replaced, is another broker's, is an older copy of itself, or its broker has left.
    pub fn judge_disk(
        &self,
        broker: BrokerId,
        disk: DiskId,
        (start_counter, epoch): (u64, DiskEpoch),
    ) -> Result<(), Refusal> {
        if let Some(owner) = self.replaced_disks.get(&disk) {
            return Err(Refusal::DiskWasReplaced {
                disk,
                broker: *owner,
            });
        }
        match self.brokers.values().find(|known| known.disk == disk) {
            Some(owner) if owner.id != broker => Err(Refusal::DiskOfOtherBroker {
                disk,
                owner: owner.id,
                broker,
            }),
            Some(known) if known.state == BrokerState::Decommissioned => Err(Refusal::IsLeaving {
                broker,
                state: known.state,
            }),
            Some(known) if known.start_counter > start_counter => Err(Refusal::OlderCopyOfDisk {
                broker,
                disk,
                known: known.start_counter,
                presented: start_counter,
            }),
            Some(known) if !epoch.may_follow(known.epoch) => Err(Refusal::OtherCopyOfDisk {
                broker,
                disk,
                known: known.epoch.number,
                presented: epoch.number,
            }),
            _ => Ok(()),
        }
    }

    /// Whether another broker may speak as a replica, as far as is known here, which may be old.
    ///
    /// # Errors
    /// [`Refusal`], as of [`ClusterState::judge_disk`].
    pub fn judge_peer(
        &self,
        broker: BrokerId,
        disk: DiskId,
        start: (u64, DiskEpoch),
        replica: ReplicaId,
    ) -> Result<(), Refusal> {
        let judged = self.judge_disk(broker, disk, start);
        match (judged, self.brokers.get(&broker)) {
            // It has left and runs on: it may hear of that.
            (Err(Refusal::IsLeaving { .. }), Some(known))
                if (known.start_counter, known.epoch) == start =>
            {
                Ok(())
            }
            // A disk that comes after the known one is registered before it speaks as a replica, and has a newer one;
            // perhaps that is not known here yet.
            (Ok(()), Some(known)) if known.disk != disk && replica <= known.replica => {
                Err(Refusal::DiskWasReplaced { disk, broker })
            }
            (judged, _) => judged,
        }
    }

    fn check_room_for_broker(&self, broker: BrokerId, formed: Formed) -> Result<(), Refusal> {
        let limit = formed.limits.brokers;
        // Room is kept for the initial brokers that have not come yet.
        let initial = |id: BrokerId| id.get() < formed.initial_brokers;
        let others = self.brokers.keys().filter(|id| !initial(**id)).count() as u64;
        let taken = others + u64::from(formed.initial_brokers);
        if !initial(broker) && taken >= u64::from(limit) {
            return Err(Refusal::TooManyBrokers { broker, limit });
        }
        Ok(())
    }

    fn check_room_for_replaced_disk(&self) -> Result<(), Refusal> {
        if self.replaced_disks.len() >= RETIRED_DISKS_MAX {
            return Err(Refusal::TooManyReplacedDisks {
                limit: RETIRED_DISKS_MAX as u64,
            });
        }
        Ok(())
    }

    /// An empty disk of an initial broker is another one than that with which the cluster has formed, which may have
    /// voted.
    fn first_replica(&mut self, command: &RegisterBroker, formed: Formed) -> ReplicaId {
        let initial = ReplicaId::new(u64::from(command.broker.get()));
        if command.broker.get() < formed.initial_brokers && command.bears == Some(initial) {
            initial
        } else {
            self.issue_replica()
        }
    }

    fn issue_replica(&mut self) -> ReplicaId {
        let issued = ReplicaId::new(self.next_replica);
        self.next_replica += 1;
        issued
    }
}

/// A start ends a drain that was asked for before it; a new disk makes a broker that had left a new one.
fn state_after(known: Option<&Broker>, command: &RegisterBroker) -> BrokerState {
    match known.map(|known| (known.state, known.disk == command.disk)) {
        None => BrokerState::Active,
        Some((BrokerState::Draining { start_counter }, true))
            if command.start_counter <= start_counter =>
        {
            BrokerState::Draining { start_counter }
        }
        Some((BrokerState::Decommissioning, _)) => BrokerState::Decommissioning,
        Some(_) => BrokerState::Active,
    }
}

fn check_texts(command: &RegisterBroker) -> Result<(), Refusal> {
    let rack = command.rack.as_deref().unwrap_or_default();
    let texts = [
        ("gRPC address", command.grpc_address.as_str()),
        ("peer address", command.peer_address.as_str()),
        ("rack", rack),
    ];
    match texts
        .iter()
        .find(|(_, text)| text.len() > ADDRESS_BYTES_MAX)
    {
        Some((what, text)) => Err(Refusal::AddressTooLong {
            broker: command.broker,
            what: (*what).to_owned(),
            bytes: text.len() as u64,
            limit: ADDRESS_BYTES_MAX as u64,
        }),
        None => Ok(()),
    }
}
