//! The task behind an idempotent producer: gets a producer id, numbers batches, sends each partition's to its leader
//! where that is known, else to any broker, and sends again what has no answer until its time is over.

mod connection;
mod lane;
mod placing;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use model::ProducerId;
use rpc::{Reason, v1};
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::ProducerSettings;
use super::error::ProduceError;
use super::in_flight::InFlight;
use crate::call_error::CallError;
use crate::calling::{Producers, Repeat};
use crate::client::Client;
use crate::topic_partition::TopicPartition;
use connection::{Connection, Event, Sent};
use lane::Lane;
use placing::Placing;

const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_millis(500);
/// How long a leader that could not be reached is asked by way of others.
const DETOUR: Duration = Duration::from_secs(30);
/// How long the task sleeps where nothing is to be done.
const IDLE: Duration = Duration::from_secs(3600);

pub(super) struct IdempotentDriver {
    client: Client,
    settings: ProducerSettings,
    queue: mpsc::UnboundedReceiver<InFlight>,
    has_ended: bool,
    lanes: BTreeMap<TopicPartition, Route>,
    placing: Placing,
    connections: BTreeMap<u64, Connection>,
    next_connection: u64,
    events: mpsc::UnboundedReceiver<Event>,
    tell: mpsc::UnboundedSender<Event>,
    /// Leaders that could not be reached, and until when they are not tried again.
    detours: HashMap<String, Instant>,
}

/// A lane, and where it goes.
struct Route {
    lane: Lane,
    /// Where the leader is said to be.
    leader: Option<String>,
    connection: Option<u64>,
    /// Nothing is sent before.
    not_before: Instant,
    backoff: Duration,
}

impl IdempotentDriver {
    pub(super) fn new(
        client: Client,
        settings: ProducerSettings,
        queue: mpsc::UnboundedReceiver<InFlight>,
    ) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        Self {
            client,
            settings,
            queue,
            has_ended: false,
            lanes: BTreeMap::new(),
            placing: Placing::default(),
            connections: BTreeMap::new(),
            next_connection: 0,
            events,
            tell,
            detours: HashMap::new(),
        }
    }

    /// Runs until the producer is closed and every batch has its result.
    pub(super) async fn run(mut self) -> Result<(), ProduceError> {
        let Some(producer) = self.producer_id().await else {
            return Ok(());
        };
        loop {
            self.send_all(producer);
            if self.has_ended && self.is_empty() {
                return Ok(());
            }
            let wakes_at = self.wakes_at();
            select! {
                biased;
                event = self.events.recv() => if let Some(event) = event {
                    self.hear(event);
                },
                next = self.queue.recv(), if !self.has_ended => match next {
                    Some(in_flight) => self.take(in_flight),
                    None => self.has_ended = true,
                },
                () = sleep_until(wakes_at) => self.expire(),
            }
        }
    }

    /// Asks for a producer id with the first batch, again and again. `None` where there is nothing to produce.
    async fn producer_id(&mut self) -> Option<ProducerId> {
        let first = self.queue.recv().await?;
        self.take(first);
        let mut backoff = BACKOFF_MIN;
        loop {
            let cause = match self.init_producer().await? {
                Ok(answer) => match u64::try_from(answer.producer_id) {
                    Ok(id) => {
                        // Where the others are is needed once this broker is gone; no batch waits for that.
                        tokio::spawn(learn_brokers(self.client.clone()));
                        return Some(ProducerId::new(id));
                    }
                    Err(_) => self.client.malformed("the producer id is negative"),
                },
                Err(error) => error,
            };
            self.hinder(&cause);
            self.expire();
            let wakes_at = (Instant::now() + backoff).min(self.wakes_at());
            sleep_until(wakes_at).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
            if self.is_empty() {
                let next = self.queue.recv().await?;
                self.take(next);
            }
        }
    }

    /// Asks once. Batches are taken meanwhile, and given up when their time comes; `None` where none is left and none will
    /// come.
    async fn init_producer(&mut self) -> Option<Result<v1::InitProducerResponse, CallError>> {
        let client = self.client.clone();
        let request = v1::InitProducerRequest {};
        let asking = client.call(Repeat::Always, request, Producers::init_producer);
        let mut asking = std::pin::pin!(asking);
        loop {
            if self.has_ended && self.is_empty() {
                return None;
            }
            let wakes_at = self.wakes_at();
            select! {
                biased;
                answer = &mut asking => return Some(answer),
                next = self.queue.recv(), if !self.has_ended => match next {
                    Some(in_flight) => self.take(in_flight),
                    None => self.has_ended = true,
                },
                () = sleep_until(wakes_at) => {
                    let (address, timeout) = (self.client.address(), self.settings.delivery_timeout);
                    self.hinder(&CallError::TimedOut { address, timeout });
                    self.expire();
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.placing.is_empty() && self.lanes.values().all(|route| route.lane.is_empty())
    }

    fn hinder(&mut self, cause: &CallError) {
        self.placing.hinder(cause);
        for route in self.lanes.values_mut() {
            route.lane.hinder(cause);
        }
    }

    fn take(&mut self, in_flight: InFlight) {
        if in_flight.batch.partition().is_some() {
            self.push(in_flight);
        } else if let Some(placed) = self.placing.take(in_flight, &self.client, &self.tell) {
            self.push(placed);
        }
    }

    /// Adds a batch to its partition's lane.
    fn push(&mut self, in_flight: InFlight) {
        let Some(partition) = in_flight.batch.partition() else {
            return in_flight.give_up();
        };
        let stops_at_failure = self.settings.stops_at_failure;
        let route = self.lanes.entry(partition).or_insert_with(|| Route {
            lane: Lane::new(stops_at_failure),
            leader: None,
            connection: None,
            not_before: Instant::now(),
            backoff: BACKOFF_MIN,
        });
        route.lane.push(in_flight);
    }

    /// Sends whatever may be sent.
    fn send_all(&mut self, producer: ProducerId) {
        let now = Instant::now();
        let partitions: Vec<_> = self.lanes.keys().cloned().collect();
        for partition in partitions {
            let Some(route) = self.lanes.get(&partition) else {
                continue;
            };
            if route.not_before > now || route.lane.is_empty() {
                continue;
            }
            let Some(number) = self.connection_for(&partition, now) else {
                continue;
            };
            let (Some(route), Some(connection)) = (
                self.lanes.get_mut(&partition),
                self.connections.get_mut(&number),
            ) else {
                continue;
            };
            while let Some((id, message)) = route.lane.send(producer) {
                route.connection = Some(number);
                connection.send((partition.clone(), id), message);
            }
        }
    }

    /// The connection to use; `None` where batches under way on another one must have their answers first.
    fn connection_for(&mut self, partition: &TopicPartition, now: Instant) -> Option<u64> {
        let route = self.lanes.get(partition)?;
        let detours = &self.detours;
        let is_reachable =
            |address: &&String| detours.get(*address).is_none_or(|until| *until <= now);
        let leader = route.leader.as_ref().filter(is_reachable).cloned();
        let wanted = leader.unwrap_or_else(|| self.client.address());
        let current = route.connection.and_then(|at| self.connections.get(&at));
        if let Some(current) = current
            && route.lane.is_under_way()
        {
            return (current.address == wanted).then_some(current.number);
        }
        let open = self
            .connections
            .values()
            .find(|open| open.address == wanted);
        if let Some(open) = open {
            return Some(open.number);
        }
        let api = self.client.producer_api_at(&wanted)?;
        let number = self.next_connection;
        self.next_connection += 1;
        let connection = Connection::open(number, wanted, api, self.tell.clone());
        self.connections.insert(number, connection);
        Some(number)
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Results(number, results) => {
                for result in results {
                    if let Err(problem) = self.settle(number, result) {
                        let error = self.client.malformed(problem);
                        return self.lose(number, &error);
                    }
                }
            }
            Event::Partitions(topic, answer) => {
                let placed = self.placing.hear(&topic, answer, &self.client, &self.tell);
                placed.into_iter().for_each(|placed| self.push(placed));
            }
            Event::Ended(number, status) => {
                let Some(connection) = self.connections.get(&number) else {
                    return;
                };
                let address = connection.address.clone();
                let error = match status {
                    Some(status) => self.client.call_error_at(&status, &address),
                    None => CallError::Disconnected {
                        address: address.clone(),
                        cause: "the broker ended the stream".to_owned(),
                    },
                };
                self.client.turn_away_from(&address);
                if matches!(error, CallError::Unreachable { .. }) {
                    self.detours.insert(address, Instant::now() + DETOUR);
                }
                self.lose(number, &error);
            }
        }
    }

    fn settle(&mut self, number: u64, result: v1::ProduceResult) -> Result<(), String> {
        let Some(connection) = self.connections.get_mut(&number) else {
            return Ok(());
        };
        let batch = result.batch;
        let Some((partition, id)) = connection.answered(batch) else {
            return Err(format!("a result for batch {batch}, which is not the next"));
        };
        let Some(route) = self.lanes.get_mut(&partition) else {
            return Ok(());
        };
        if route.follow(&result, &connection.address) {
            self.client.turn_away_from(&connection.address);
        }
        if route.lane.settle(id, result)? {
            route.hold_back();
        } else {
            route.backoff = BACKOFF_MIN;
        }
        Ok(())
    }

    /// A connection is gone.
    fn lose(&mut self, number: u64, cause: &CallError) {
        let Some(connection) = self.connections.remove(&number) else {
            return;
        };
        let lost: HashMap<Sent, bool> = connection.abandon().into_iter().collect();
        for (partition, route) in &mut self.lanes {
            if route.connection != Some(number) {
                continue;
            }
            route.connection = None;
            route.leader = None;
            if route.lane.is_under_way() {
                let had_left = |id| lost.get(&(partition.clone(), id)).copied().unwrap_or(true);
                route.lane.lose(had_left, cause);
                route.hold_back();
            }
        }
    }

    fn expire(&mut self) {
        let now = Instant::now();
        self.placing.expire(now);
        for route in self.lanes.values_mut() {
            route.lane.expire(now);
        }
    }

    /// When there is something to do that nothing else tells of.
    fn wakes_at(&self) -> Instant {
        let now = Instant::now();
        let waiting = self.lanes.values().filter(|route| !route.lane.is_empty());
        let times = waiting.flat_map(|route| {
            let held_back = (route.not_before > now).then_some(route.not_before);
            [route.lane.next_deadline(), held_back]
        });
        let times = times.chain([self.placing.next_deadline()]);
        times.flatten().min().unwrap_or(now + IDLE)
    }
}

impl Route {
    /// Notes who is said to lead. Whether the broker that has answered is to be left: it knows of no leader, for it may
    /// be cut off from those who do.
    fn follow(&mut self, result: &v1::ProduceResult, from: &str) -> bool {
        if let Some(leader) = &result.leader {
            self.leader = Some(leader.grpc_address.clone());
        }
        let reason = result.error.as_ref().map(|error| error.reason.as_str());
        let is_lost = |reason: &str| {
            reason == Reason::NotLeader.as_str() || reason == Reason::NoQuorum.as_str()
        };
        if !reason.is_some_and(is_lost) {
            return false;
        }
        let said = result.error.as_ref();
        let said = said.and_then(|error| error.metadata.get("leader_address"));
        self.leader = said.filter(|leader| *leader != from).cloned();
        self.leader.is_none()
    }

    /// Waits a little longer each time, until an answer shows that things are well.
    fn hold_back(&mut self) {
        self.not_before = Instant::now() + self.backoff;
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
    }
}

async fn learn_brokers(client: Client) {
    if let Err(error) = client.learn_brokers().await {
        tracing::debug!(%error, "the other brokers are not known");
    }
}

#[cfg(test)]
mod tests;
