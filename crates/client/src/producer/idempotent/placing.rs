//! Records for which nobody has named a partition: where they go is decided here, once it is known how many partitions
//! there are. So they are numbered like all others. A missing topic is created for them first, where the broker does
//! that.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;

use model::{PartitionIndex, TopicName};
use rpc::{Reason, v1};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::connection::Event;
use crate::call_error::CallError;
use crate::client::Client;
use crate::producer::error::ProduceError;
use crate::producer::in_flight::InFlight;
use crate::refusal::Refusal;

/// How soon it is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// The records that wait for their partition.
#[derive(Debug, Default)]
pub(super) struct Placing {
    partitions: HashMap<TopicName, NonZeroU32>,
    waiting: VecDeque<InFlight>,
    /// Of which it is being asked how many partitions they have.
    asking: BTreeSet<TopicName>,
    /// Where the next record without a key goes.
    turn: u32,
}

impl Placing {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When the first one must have its result.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waiting
            .iter()
            .map(|in_flight| in_flight.deadline)
            .min()
    }

    /// Takes a batch; returns it placed, where it is known how many partitions there are.
    pub(super) fn take(
        &mut self,
        in_flight: InFlight,
        client: &Client,
        tell: &mpsc::UnboundedSender<Event>,
    ) -> Option<InFlight> {
        let topic = in_flight.batch.topic().clone();
        if let Some(partitions) = self.partitions.get(&topic) {
            return self.place(in_flight, *partitions);
        }
        self.waiting.push_back(in_flight);
        if self.asking.insert(topic.clone()) {
            tokio::spawn(ask(client.clone(), topic, Duration::ZERO, tell.clone()));
        }
        None
    }

    /// Takes in how many partitions a topic has, or why that is not known; returns the batches that are placed now.
    pub(super) fn hear(
        &mut self,
        topic: &TopicName,
        answer: Result<NonZeroU32, CallError>,
        client: &Client,
        tell: &mpsc::UnboundedSender<Event>,
    ) -> Vec<InFlight> {
        self.asking.remove(topic);
        let waiting = std::mem::take(&mut self.waiting);
        let (mut of_it, others): (VecDeque<_>, _) = waiting
            .into_iter()
            .partition(|in_flight| in_flight.batch.topic() == topic);
        self.waiting = others;
        match answer {
            Ok(partitions) => {
                self.partitions.insert(topic.clone(), partitions);
                let placed = of_it
                    .into_iter()
                    .filter_map(|in_flight| self.place(in_flight, partitions));
                placed.collect()
            }
            Err(error) if error.is_passing() => {
                for in_flight in &mut of_it {
                    in_flight.setback = Some(error.clone());
                }
                if !of_it.is_empty() {
                    self.waiting.append(&mut of_it);
                    self.asking.insert(topic.clone());
                    tokio::spawn(ask(client.clone(), topic.clone(), ASK_AGAIN, tell.clone()));
                }
                Vec::new()
            }
            Err(error) => {
                for mut in_flight in of_it {
                    in_flight.setback = Some(error.clone());
                    in_flight.give_up();
                }
                Vec::new()
            }
        }
    }

    /// Notes what stands in the way of those that wait.
    pub(super) fn hinder(&mut self, cause: &CallError) {
        for in_flight in &mut self.waiting {
            in_flight.setback = Some(cause.clone());
        }
    }

    /// Gives up the batches whose time has come.
    pub(super) fn expire(&mut self, now: Instant) {
        let waiting = std::mem::take(&mut self.waiting);
        for in_flight in waiting {
            if in_flight.deadline <= now {
                in_flight.give_up();
            } else {
                self.waiting.push_back(in_flight);
            }
        }
    }

    /// `None` where the record cannot be a batch: that is its result.
    fn place(&mut self, mut in_flight: InFlight, partitions: NonZeroU32) -> Option<InFlight> {
        let turn = PartitionIndex::new(self.turn % partitions);
        match in_flight.batch.place(partitions, turn) {
            Ok(partition) => {
                if partition == turn {
                    self.turn = self.turn.wrapping_add(1);
                }
                Some(in_flight)
            }
            Err(error) => {
                let error = v1::Error::new(Reason::BatchTooLarge, error.to_string());
                in_flight.complete(Err(ProduceError::Refused(Refusal::from(error))));
                None
            }
        }
    }
}

/// Asks how many partitions a topic has, after a while.
async fn ask(
    client: Client,
    topic: TopicName,
    after: Duration,
    tell: mpsc::UnboundedSender<Event>,
) {
    sleep(after).await;
    let answer = client.admin().partitions_to_produce_to(&topic).await;
    // Where the producer is gone, nobody minds.
    let _ = tell.send(Event::Partitions(topic, answer));
}
