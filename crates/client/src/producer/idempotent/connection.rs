//! One open stream of numbered batches to one broker. A task of its own hands on what comes back.

use std::collections::VecDeque;
use std::future::ready;
use std::num::NonZeroU32;
use std::sync::Arc;

use futures_util::StreamExt;
use model::TopicName;
use rpc::v1;
use rpc::v1::producer_client::ProducerClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;
use tonic::transport::Channel;

use super::super::gate::Gate;
use crate::call_error::CallError;
use crate::topic_partition::TopicPartition;

/// What a connection, or who was asked of a topic, tells.
#[derive(Debug)]
pub(super) enum Event {
    /// Results, in the order of the batches.
    Results(u64, Vec<v1::ProduceResult>),
    /// How many partitions a topic has, or why that is not known.
    Partitions(TopicName, Result<NonZeroU32, CallError>),
    /// It is over; `None` where the broker ended it.
    Ended(u64, Option<Status>),
}

/// A batch on a connection: whose, and which of its lane.
pub(super) type Sent = (TopicPartition, u64);

/// One open stream.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) address: String,
    outbound: mpsc::UnboundedSender<v1::ProduceStreamRequest>,
    gate: Arc<Gate>,
    /// The number on the stream of the first batch without a result.
    first: u64,
    sent: VecDeque<Sent>,
}

impl Connection {
    pub(super) fn open(
        number: u64,
        address: String,
        mut api: ProducerClient<Channel>,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        let (outbound, queue) = mpsc::unbounded_channel();
        let gate = Arc::new(Gate::default());
        let passes = Arc::clone(&gate);
        let messages =
            UnboundedReceiverStream::new(queue).take_while(move |_| ready(passes.pass()));
        tokio::spawn(async move {
            let ended = match api.produce_stream(messages).await {
                Err(status) => Some(status),
                Ok(responses) => {
                    let mut responses = responses.into_inner();
                    loop {
                        match responses.message().await {
                            Ok(Some(response)) => {
                                let results = Event::Results(number, response.results);
                                if events.send(results).is_err() {
                                    return;
                                }
                            }
                            Ok(None) => break None,
                            Err(status) => break Some(status),
                        }
                    }
                }
            };
            // Where the producer is gone, nobody minds.
            let _ = events.send(Event::Ended(number, ended));
        });
        Self {
            number,
            address,
            outbound,
            gate,
            first: 0,
            sent: VecDeque::new(),
        }
    }

    pub(super) fn send(&mut self, sent: Sent, message: v1::ProduceStreamRequest) {
        self.sent.push_back(sent);
        // Where the stream has just broken, its end is the next thing that it tells.
        let _ = self.outbound.send(message);
    }

    /// Whose batch a result is for; `None` where it is for none that is next.
    pub(super) fn answered(&mut self, number: i64) -> Option<Sent> {
        if u64::try_from(number) != Ok(self.first) {
            return None;
        }
        self.first += 1;
        self.sent.pop_front()
    }

    /// Ends it: the batches without a result, and whether each had left for the network.
    pub(super) fn abandon(self) -> Vec<(Sent, bool)> {
        let left = self.gate.shut();
        let numbered = (self.first..).zip(self.sent);
        numbered
            .map(|(number, sent)| (sent, number < left))
            .collect()
    }
}
