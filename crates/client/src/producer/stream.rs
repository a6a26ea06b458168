//! One open stream to the broker.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt, TryFutureExt};
use model::Acks;
use rpc::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Response, Status};

use super::delivery::Delivered;
use super::gate::Gate;
use super::in_flight::InFlight;
use crate::client::Client;

/// What the broker sends back.
type Responses = Pin<Box<dyn Stream<Item = Result<v1::ProduceStreamResponse, Status>> + Send>>;

/// One open stream to the broker, or one that is being opened: batches need not wait for that.
pub(super) struct ProduceStream {
    /// Bounded by the producer's window. `None` once all is sent.
    outbound: Option<mpsc::UnboundedSender<Outbound>>,
    gate: Arc<Gate>,
    responses: Responses,
}

/// A message, and the batch that has its result as soon as the message is sent, where no acknowledgement is asked for.
struct Outbound {
    message: v1::ProduceStreamRequest,
    sent: Option<InFlight>,
}

impl ProduceStream {
    pub(super) fn open(client: &Client) -> Self {
        let (outbound, queue) = mpsc::unbounded_channel();
        let gate = Arc::new(Gate::default());
        let messages = passing(queue, Arc::clone(&gate));
        let mut api = client.producer_api();
        let call = async move { api.produce_stream(messages).await.map(Response::into_inner) };
        Self {
            outbound: Some(outbound),
            gate,
            responses: Box::pin(call.try_flatten_stream()),
        }
    }

    /// Sends a batch; gives it back where an acknowledgement is to be waited for.
    pub(super) fn send(&self, in_flight: InFlight, acks: Acks) -> Option<InFlight> {
        let message = in_flight.batch.message(acks);
        let (sent, waiting) = match acks {
            Acks::Quorum => (None, Some(in_flight)),
            Acks::None => (Some(in_flight), None),
        };
        // Where the stream has just broken, its end is the next thing that it tells.
        if let Some(outbound) = &self.outbound {
            let _ = outbound.send(Outbound { message, sent });
        }
        waiting
    }

    /// The next response; `None` at the end of the stream. May be dropped while it waits.
    pub(super) async fn response(&mut self) -> Option<Result<v1::ProduceStreamResponse, Status>> {
        self.responses.next().await
    }

    /// Says that nothing more will be sent.
    pub(super) fn finish(&mut self) {
        self.outbound = None;
    }

    /// Ends the stream; how many batches had left for the network. None leaves any more.
    pub(super) fn abandon(self) -> u64 {
        self.gate.shut()
    }
}

/// What passes the gate, until it is shut.
fn passing(
    queue: mpsc::UnboundedReceiver<Outbound>,
    gate: Arc<Gate>,
) -> impl Stream<Item = v1::ProduceStreamRequest> {
    UnboundedReceiverStream::new(queue)
        .take_while(move |_| ready(gate.pass()))
        .map(|outbound| {
            if let Some(in_flight) = outbound.sent {
                in_flight.complete(Ok(Delivered::Sent));
            }
            outbound.message
        })
}
