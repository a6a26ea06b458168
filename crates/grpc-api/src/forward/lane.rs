//! One session's stream of batches to one leader. A batch is sent at most once: where the stream breaks behind it, its
//! outcome is unknown; what had not been sent was certainly not written.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use rpc::v1;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::{Forward, Target};

/// What the leader says of a batch; dropped unsent where nobody knows.
pub(crate) type Answer = oneshot::Receiver<v1::ProduceResult>;

/// One session's stream to one leader. Bounded by the session: what waits for an answer has its share of the window.
pub(crate) struct Lane {
    queue: mpsc::UnboundedSender<Unsent>,
}

/// A batch that has not left. Where it never does, it is answered so.
struct Unsent {
    request: Option<v1::ProduceStreamRequest>,
    answer: Option<oneshot::Sender<v1::ProduceResult>>,
    /// Its share of the session's window, where nobody waits for an answer and keeps that.
    _share: Option<OwnedSemaphorePermit>,
    target: Target,
}

/// A batch that has left: its number on the stream, and who waits for its result.
type Sent = (i64, oneshot::Sender<v1::ProduceResult>);

impl Lane {
    /// Opens the stream.
    pub(crate) fn open(forward: &Forward, target: &Target) -> Result<Self, v1::Error> {
        let mut api = forward.producer(target)?;
        let (queue, unsent) = mpsc::unbounded_channel();
        let sent = Arc::new(Mutex::new(VecDeque::new()));
        let request = forward.request(outbound(unsent, Arc::clone(&sent)), None);
        tokio::spawn(async move {
            // However it ends: what was sent and not answered has an unknown outcome.
            let Ok(responses) = api.produce_stream(request).await else {
                return;
            };
            let mut responses = responses.into_inner();
            while let Ok(Some(response)) = responses.message().await {
                for result in response.results {
                    settle(&sent, result);
                }
            }
            sent.lock().unwrap_or_else(PoisonError::into_inner).clear();
        });
        Ok(Self { queue })
    }

    /// Whether the stream has ended.
    pub(crate) fn is_broken(&self) -> bool {
        self.queue.is_closed()
    }

    /// Sends a batch behind the others; what the leader will say of it.
    pub(crate) fn send(&self, target: &Target, request: v1::ProduceStreamRequest) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.queue(target, request, Some(answer), None);
        answered
    }

    /// Sends a batch for which no acknowledgement is wanted; its share of the window is given back when it leaves.
    pub(crate) fn send_only(
        &self,
        target: &Target,
        request: v1::ProduceStreamRequest,
        share: Option<OwnedSemaphorePermit>,
    ) {
        self.queue(target, request, None, share);
    }

    fn queue(
        &self,
        target: &Target,
        request: v1::ProduceStreamRequest,
        answer: Option<oneshot::Sender<v1::ProduceResult>>,
        share: Option<OwnedSemaphorePermit>,
    ) {
        // Where the stream is broken, it is dropped unsent, which answers it.
        let _ = self.queue.send(Unsent {
            request: Some(request),
            answer,
            _share: share,
            target: target.clone(),
        });
    }
}

/// What leaves, numbered as the leader counts it.
fn outbound(
    unsent: mpsc::UnboundedReceiver<Unsent>,
    sent: Arc<Mutex<VecDeque<Sent>>>,
) -> impl futures_util::Stream<Item = v1::ProduceStreamRequest> + Send + 'static {
    let mut number = 0;
    UnboundedReceiverStream::new(unsent).filter_map(move |mut batch| {
        if let Some(answer) = batch.answer.take() {
            let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent.push_back((number, answer));
        }
        number += 1;
        std::future::ready(batch.request.take())
    })
}

/// Gives a result to who waits for it. Batches without acknowledgement before it have none.
fn settle(sent: &Mutex<VecDeque<Sent>>, result: v1::ProduceResult) {
    let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some((number, _)) = sent.front()
        && *number <= result.batch
    {
        let Some((number, answer)) = sent.pop_front() else {
            return;
        };
        if number == result.batch {
            // Whoever no longer waits for it is not told.
            let _ = answer.send(result);
            return;
        }
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take() {
            let error = self.target.unreachable("the connection is broken");
            let _ = answer.send(v1::ProduceResult {
                error: Some(error),
                ..v1::ProduceResult::default()
            });
        }
    }
}
