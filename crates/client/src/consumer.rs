//! Reads partitions on and on, by offset, over one stream with byte credits from each broker that leads any of them.
//!
//! Where nobody is known to lead, any broker is asked: it passes the request on. Reading twice does no harm, so what a
//! broken stream brought is asked for again at the offsets reached, until it could not be read for
//! [`ConsumerSettings::retry_for`]. All streams together have the credit of one: each its share, and where there are more
//! than before, those with too large a share are opened anew.

mod chunk;
mod error;
mod leaders;
mod place;
mod stream;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use model::Offset;
use rpc::v1;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tonic::Status;

pub use chunk::Chunk;
pub use error::{ConsumeError, Damage, DamagedError};

use crate::call_error::CallError;
use crate::client::Client;
use crate::refusal::Refusal;
use crate::topic_partition::TopicPartition;
use place::Place;
use stream::SubscribeStream;

/// How long it may take to find out who leads.
const LEADERS_WAIT_MAX: Duration = Duration::from_secs(2);
/// How long a leader that could not be reached is asked by way of others.
const DETOUR: Duration = Duration::from_secs(30);

/// How a [`Consumer`] works.
#[derive(Clone, Debug)]
pub struct ConsumerSettings {
    /// How many bytes, counted as stored, brokers may send ahead, all together. One batch of each may be larger.
    pub credit_bytes: u64,
    /// How long a broker that cannot be reached, or a partition without a leader, is tried again.
    pub retry_for: Duration,
}

impl Default for ConsumerSettings {
    fn default() -> Self {
        Self {
            credit_bytes: 16 << 20,
            retry_for: Duration::from_secs(30),
        }
    }
}

/// What a consumer tries to get over.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Since when something cannot be read.
    pub since: Instant,
    /// Why, as the last attempt has it.
    pub error: ConsumeError,
}

/// Which broker a stream is from: the leader at this address, or any.
type Source = Option<String>;

/// Reads partitions on and on. The order within a partition is kept.
#[derive(Debug)]
pub struct Consumer {
    client: Client,
    settings: ConsumerSettings,
    /// Each partition that is still read.
    places: BTreeMap<TopicPartition, Place>,
    streams: BTreeMap<Source, SubscribeStream>,
    /// Whose turn it is: the stream after this one is looked at first.
    turn: Source,
    /// Received, and not handed out yet.
    ready: VecDeque<(Source, v1::FetchResult)>,
    trouble: watch::Sender<Option<Trouble>>,
    /// Leaders that could not be reached, and until when they are not tried again.
    detours: HashMap<String, Instant>,
}

impl Consumer {
    /// Begins to read partitions, each from an offset. Nothing is sent yet.
    pub fn subscribe(
        client: &Client,
        starts: impl IntoIterator<Item = (TopicPartition, Offset)>,
        settings: ConsumerSettings,
    ) -> Self {
        let places = starts
            .into_iter()
            .map(|(partition, position)| (partition, Place::new(position)));
        Self {
            client: client.clone(),
            settings,
            places: places.collect(),
            streams: BTreeMap::new(),
            turn: None,
            ready: VecDeque::new(),
            trouble: watch::Sender::default(),
            detours: HashMap::new(),
        }
    }

    /// Tells what cannot be read and is tried again.
    pub fn trouble(&self) -> watch::Receiver<Option<Trouble>> {
        self.trouble.subscribe()
    }

    /// Reads a partition no further.
    pub fn unsubscribe(&mut self, partition: &TopicPartition) {
        if self.places.remove(partition).is_none() {
            return;
        }
        // The stream would go on sending it: the next one does without.
        let holds =
            |(_, stream): &(&Source, &SubscribeStream)| stream.partitions.contains(partition);
        let source = self
            .streams
            .iter()
            .find(holds)
            .map(|(source, _)| source.clone());
        if let Some(source) = source {
            self.drop_stream(&source);
        }
        self.ready.retain(|(_, result)| !is_of(result, partition));
    }

    /// The next records of some partition; `None` once no partition is read any more. May be dropped while it waits.
    ///
    /// # Errors
    /// [`ConsumeError`]. A partition that is refused for good is read no further; the others may be.
    pub async fn next(&mut self) -> Result<Option<Chunk>, ConsumeError> {
        while !self.places.is_empty() {
            if let Some((source, result)) = self.ready.pop_front() {
                if let Some(chunk) = self.take(&source, result)? {
                    return Ok(Some(chunk));
                }
            } else {
                self.open_what_is_missing().await;
                self.receive().await?;
            }
        }
        Ok(None)
    }

    /// Opens streams for the partitions that none brings and whose time has come.
    async fn open_what_is_missing(&mut self) {
        let now = Instant::now();
        let is_due = |place: &Place| !place.is_read && place.not_before <= now;
        let due: Vec<TopicPartition> = self
            .places
            .iter()
            .filter(|(_, place)| is_due(place))
            .map(|(partition, _)| partition.clone())
            .collect();
        if due.is_empty() {
            return;
        }
        self.find_leaders(&due).await;
        let mut sources: BTreeSet<Source> = BTreeSet::new();
        for partition in &due {
            sources.extend(self.places.get(partition).map(|place| place.leader.clone()));
        }
        let all: BTreeSet<&Source> = self.streams.keys().chain(&sources).collect();
        let brokers = i64::try_from(all.len()).unwrap_or(i64::MAX).max(1);
        let credit = i64::try_from(self.settings.credit_bytes).unwrap_or(i64::MAX);
        let share = (credit / brokers).max(1);
        let is_in_the_way = |(source, stream): &(&Source, &SubscribeStream)| {
            stream.share() > share || sources.contains(*source)
        };
        let replaced: Vec<Source> = self
            .streams
            .iter()
            .filter(is_in_the_way)
            .map(|(source, _)| source.clone())
            .collect();
        for source in replaced {
            self.drop_stream(&source);
            sources.insert(source);
        }
        for source in sources {
            self.open(source, share);
        }
    }

    /// Opens a stream for what is to be read from a broker now.
    fn open(&mut self, source: Source, share: i64) {
        let now = Instant::now();
        let address = source.clone().unwrap_or_else(|| self.client.address());
        let Some(api) = self.client.consumer_api_at(&address) else {
            for place in self.places.values_mut() {
                if place.leader == source {
                    place.fails(None);
                }
            }
            self.detours.insert(address, now + DETOUR);
            return;
        };
        let mut positions = Vec::new();
        for (partition, place) in &mut self.places {
            if !place.is_read && place.not_before <= now && place.leader == source {
                place.is_read = true;
                positions.push((partition.clone(), place.position));
            }
        }
        if !positions.is_empty() {
            let stream = SubscribeStream::open(address, api, positions, share);
            self.streams.insert(source, stream);
        }
    }

    /// Finds out who leads the partitions, where that is not known. In vain or not: any broker may be asked.
    async fn find_leaders(&mut self, due: &[TopicPartition]) {
        let is_unknown = |partition: &&TopicPartition| {
            let place = self.places.get(*partition);
            place.is_some_and(|place| place.leader.is_none())
        };
        let unknown: Vec<_> = due.iter().filter(is_unknown).collect();
        let topics: BTreeSet<_> = unknown.iter().map(|of| of.topic.clone()).collect();
        if topics.is_empty() {
            return;
        }
        let found = timeout(LEADERS_WAIT_MAX, leaders::leaders_of(&self.client, topics));
        let Ok(Ok(leaders)) = found.await else {
            return;
        };
        let now = Instant::now();
        self.detours.retain(|_, until| *until > now);
        for partition in unknown {
            let leader = leaders.get(partition);
            let leader = leader.filter(|address| !self.detours.contains_key(*address));
            if let Some(place) = self.places.get_mut(partition) {
                place.leader = leader.cloned();
            }
        }
    }

    /// Receives the next message of any stream, unless it is time to open one.
    async fn receive(&mut self) -> Result<(), ConsumeError> {
        // All that came before is handed out and, being asked for more, dealt with.
        self.streams
            .values_mut()
            .for_each(SubscribeStream::grant_what_was_used);
        let waiting = self.places.values().filter(|place| !place.is_read);
        let opens_at = waiting.map(|place| place.not_before).min();
        let streams = &mut self.streams;
        let turn = &mut self.turn;
        let received = poll_fn(|context| {
            let behind = |(source, _): &(&Source, &mut SubscribeStream)| *source > &*turn;
            let (later, sooner): (Vec<_>, Vec<_>) = streams.iter_mut().partition(behind);
            for (source, stream) in later.into_iter().chain(sooner) {
                if let Poll::Ready(response) = stream.poll_response(context) {
                    turn.clone_from(source);
                    return Poll::Ready((source.clone(), response));
                }
            }
            Poll::Pending
        });
        let (source, response) = tokio::select! {
            biased;
            received = received => received,
            () = sleep_until(opens_at.unwrap_or_else(Instant::now)), if opens_at.is_some() => {
                return Ok(());
            }
        };
        match response {
            Some(Ok(response)) => {
                self.hear(&source, response);
                Ok(())
            }
            Some(Err(status)) => self.lose(&source, Some(&status)),
            None => self.lose(&source, None),
        }
    }

    /// Takes in a message. One without any error, be it a heartbeat of a quiet topic, ends the trouble.
    fn hear(&mut self, source: &Source, response: v1::SubscribeResponse) {
        let has_errors = response.results.iter().any(|result| result.error.is_some());
        if !has_errors && let Some(stream) = self.streams.get(source) {
            for partition in &stream.partitions {
                if let Some(place) = self.places.get_mut(partition) {
                    place.is_well();
                }
            }
            self.end_trouble();
        }
        let results = response.results.into_iter();
        self.ready
            .extend(results.map(|result| (source.clone(), result)));
    }

    /// What a result holds that is new.
    fn take(
        &mut self,
        source: &Source,
        result: v1::FetchResult,
    ) -> Result<Option<Chunk>, ConsumeError> {
        let Some(stream) = self.streams.get_mut(source) else {
            // The stream is gone: what it brought is asked for again.
            return Ok(None);
        };
        let partition = stream
            .partitions
            .iter()
            .find(|partition| is_of(&result, partition));
        let Some(partition) = partition.cloned() else {
            return Ok(None);
        };
        if let Some(error) = result.error {
            return self.refuse(source, partition, error.into()).map(|()| None);
        }
        let Some(place) = self.places.get_mut(&partition) else {
            return Ok(None);
        };
        let chunk = Chunk::read(partition, place.position, result)
            .map_err(|problem| self.client.malformed(problem))?;
        let is_new = chunk.next_offset > place.position;
        place.position = chunk.next_offset;
        place.is_well();
        self.end_trouble();
        Ok(is_new.then_some(chunk))
    }

    /// A broker refuses one partition, and reads it no further.
    fn refuse(
        &mut self,
        source: &Source,
        partition: TopicPartition,
        refusal: Refusal,
    ) -> Result<(), ConsumeError> {
        let mut from = String::new();
        if let Some(stream) = self.streams.get_mut(source) {
            from.clone_from(&stream.address);
            stream.partitions.remove(&partition);
            if stream.partitions.is_empty() {
                self.streams.remove(source);
            }
        }
        if !refusal.is_passing() {
            self.places.remove(&partition);
            self.end_trouble();
            return Err(ConsumeError::Partition { partition, refusal });
        }
        let leader = refusal.metadata.get("leader_address");
        let leader = leader.filter(|leader| **leader != from).cloned();
        if leader.is_none() && refusal.is_for_another() {
            // It knows of nobody: it may be cut off from those who do.
            self.client.turn_away_from(&from);
        }
        let place = self.places.get_mut(&partition);
        let since = place.map(|place| place.fails(leader));
        let error = ConsumeError::Partition { partition, refusal };
        self.retry_or_give_up(since, error)
    }

    /// A stream has ended.
    fn lose(&mut self, source: &Source, status: Option<&Status>) -> Result<(), ConsumeError> {
        let Some(stream) = self.streams.remove(source) else {
            return Ok(());
        };
        let address = stream.address;
        let error = match status {
            Some(status) => self.client.call_error_at(status, &address),
            None => CallError::Disconnected {
                address: address.clone(),
                cause: "the broker ended the stream".to_owned(),
            },
        };
        if error.is_for_another() {
            self.client.turn_away_from(&address);
        }
        if matches!(error, CallError::Unreachable { .. }) {
            self.detours.insert(address, Instant::now() + DETOUR);
        }
        let mut since = None;
        for partition in &stream.partitions {
            if let Some(place) = self.places.get_mut(partition) {
                since = since.into_iter().chain([place.fails(None)]).min();
            }
        }
        if !error.is_passing() {
            return Err(error.into());
        }
        self.retry_or_give_up(since, error.into())
    }

    /// Whether something that cannot be read since then is to be tried again.
    fn retry_or_give_up(
        &mut self,
        since: Option<Instant>,
        error: ConsumeError,
    ) -> Result<(), ConsumeError> {
        let Some(since) = since else {
            return Ok(());
        };
        if since.elapsed() >= self.settings.retry_for {
            self.places.values_mut().for_each(Place::is_well);
            self.end_trouble();
            return Err(error);
        }
        self.trouble.send_modify(|trouble| match trouble {
            Some(trouble) => trouble.error = error,
            None => *trouble = Some(Trouble { since, error }),
        });
        Ok(())
    }

    fn end_trouble(&mut self) {
        if self.trouble.borrow().is_some() && !self.places.values().any(Place::is_in_trouble) {
            self.trouble.send_replace(None);
        }
    }

    /// What the stream brings is asked for again at once.
    fn drop_stream(&mut self, source: &Source) {
        if let Some(stream) = self.streams.remove(source) {
            for partition in &stream.partitions {
                if let Some(place) = self.places.get_mut(partition) {
                    place.moves();
                }
            }
        }
    }
}

fn is_of(result: &v1::FetchResult, partition: &TopicPartition) -> bool {
    result.topic == partition.topic.as_str()
        && i64::from(result.partition) == i64::from(partition.partition.get())
}

#[cfg(test)]
mod tests;
