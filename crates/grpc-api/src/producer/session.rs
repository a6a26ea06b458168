//! Batches in, results out, in the same order: what a unary call and a stream have in common.
//!
//! The submitter tells the answers, through a bounded channel, what to wait for; each entry holds its share of the
//! session's bytes until its result is taken. Where the client does not take results, the channel or the share runs
//! out, the submitter waits, the request stream is read no further, and HTTP/2's window holds the client back.

use std::collections::VecDeque;
use std::sync::Arc;

use broker::{Broker, ProduceResult, ProduceResults, ProduceSession};
use model::batch::Batch;
use model::{Acks, Offset, PartitionIndex, TopicName};
use rpc::v1;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tonic::Status;

use super::asked::Asked;
use super::passer::{Passer, outgoing};
use super::prepare::{Prepared, Preparer};
use crate::forward::{Answer, Forward, Hints, Target};

/// Most results in one message.
const RESULTS_MAX: usize = 1_000;

/// What may wait for results.
#[derive(Clone, Copy)]
pub(super) struct SessionLimits {
    pub(super) bytes: usize,
    pub(super) batches: usize,
}

/// Opens a session at the broker.
pub(super) fn open(
    broker: &Arc<Broker>,
    preparer: &Preparer,
    limits: SessionLimits,
    forward: Option<Forward>,
) -> (Submitter, Answers) {
    let (session, results) = broker.produce_session();
    let (sender, entries) = mpsc::channel(limits.batches);
    let submitter = Submitter {
        session,
        preparer: preparer.clone(),
        forward: forward.map(Passer::new),
        entries: sender,
        bytes: Arc::new(Semaphore::new(limits.bytes)),
        bytes_max: limits.bytes,
        next_tag: 0,
    };
    let answers = Answers {
        results,
        taken: Vec::new(),
        ready: VecDeque::new(),
        entries,
        front: None,
        hints: Hints::new(Arc::clone(broker)),
    };
    (submitter, answers)
}

/// What the answers wait for.
enum Entry {
    /// The next result of the broker.
    Submitted {
        tag: u64,
        asked: Asked,
        _share: Option<OwnedSemaphorePermit>,
    },
    /// What the leader says.
    Forwarded {
        asked: Asked,
        said: Said,
        target: Target,
        _share: Option<OwnedSemaphorePermit>,
    },
    /// Nothing: it was refused before the broker saw it.
    Refused(v1::ProduceResult),
    /// The stream's end, for this reason.
    Broken(Status),
}

/// What the leader says of a batch that was passed on.
enum Said {
    Nothing(Answer),
    /// `None` where nobody knows.
    This(Option<v1::ProduceResult>),
}

/// Nobody takes the results any more.
pub(super) struct Gone;

/// Hands batches on.
pub(super) struct Submitter {
    session: ProduceSession,
    preparer: Preparer,
    forward: Option<Passer>,
    entries: mpsc::Sender<Entry>,
    bytes: Arc<Semaphore>,
    bytes_max: usize,
    next_tag: u64,
}

impl Submitter {
    /// Hands one batch on; waits while too much waits for results already.
    pub(super) async fn submit(
        &mut self,
        place: usize,
        batch: v1::ProduceBatch,
        acks: Acks,
    ) -> Result<(), Gone> {
        let asked = Asked::of(place, &batch);
        match self.preparer.prepare(batch).await {
            Err(error) => self.refuse(asked, error).await,
            Ok(Prepared {
                topic,
                parts,
                expected,
            }) => {
                if self.forward.is_some() {
                    // A topic that is created only by this batch may be led elsewhere. Why it cannot be, the broker
                    // will say.
                    let _ = self.preparer.placement.partitions_of(&topic).await;
                }
                for (partition, batch) in parts {
                    let asked = asked.in_partition(partition);
                    let part = (partition, batch);
                    self.hand_on(asked, &topic, part, expected, acks).await?;
                }
                Ok(())
            }
        }
    }

    async fn hand_on(
        &mut self,
        asked: Asked,
        topic: &TopicName,
        (partition, batch): (PartitionIndex, Batch),
        expected: Option<Offset>,
        acks: Acks,
    ) -> Result<(), Gone> {
        let bytes = u32::try_from(batch.total_bytes().min(self.bytes_max)).unwrap_or(u32::MAX);
        // Never closed.
        let share = Arc::clone(&self.bytes).acquire_many_owned(bytes).await.ok();
        if let Some(passer) = &mut self.forward
            && let Some(target) = passer.elsewhere(topic, partition)
        {
            let request = outgoing(topic, partition, &batch, expected, acks);
            let lane = match passer.lane(&target) {
                Ok(lane) => lane,
                Err(error) => return self.refuse(asked, error).await,
            };
            if acks == Acks::None {
                lane.send_only(&target, request, share);
                return Ok(());
            }
            let entry = Entry::Forwarded {
                asked,
                said: Said::Nothing(lane.send(&target, request)),
                target,
                _share: share,
            };
            return self.entries.send(entry).await.map_err(|_| Gone);
        }
        let tag = self.next_tag;
        if acks == Acks::Quorum {
            self.next_tag += 1;
            let entry = Entry::Submitted {
                tag,
                asked,
                _share: share,
            };
            self.entries.send(entry).await.map_err(|_| Gone)?;
        }
        self.session
            .submit_at(topic, partition, batch, expected, acks, tag)
            .await;
        Ok(())
    }

    /// Answers a batch that the broker is not to see.
    pub(super) async fn refuse(&mut self, asked: Asked, error: v1::Error) -> Result<(), Gone> {
        let refused = Entry::Refused(asked.failed(error));
        self.entries.send(refused).await.map_err(|_| Gone)
    }

    /// Ends the session with a status, behind the results of what was handed on.
    pub(super) async fn end(self, status: Status) {
        // Where nobody takes results, nobody takes the status.
        let _ = self.entries.send(Entry::Broken(status)).await;
    }
}

/// Gives the results.
pub(super) struct Answers {
    results: ProduceResults,
    taken: Vec<ProduceResult>,
    ready: VecDeque<ProduceResult>,
    entries: mpsc::Receiver<Entry>,
    front: Option<Entry>,
    hints: Hints,
}

impl Answers {
    /// Waits for a result and returns it together with those that are ready behind it. `None` once every batch is
    /// answered and no more can come. Nothing is lost where this is dropped while it waits.
    pub(super) async fn next(&mut self) -> Option<Result<Vec<v1::ProduceResult>, Status>> {
        let mut answered = Vec::new();
        loop {
            if self.front.is_none() {
                self.front = if answered.is_empty() {
                    Some(self.entries.recv().await?)
                } else {
                    self.entries.try_recv().ok()
                };
            }
            let waits = match &mut self.front {
                Some(Entry::Submitted { .. }) => self.ready.is_empty(),
                Some(Entry::Forwarded { said, .. }) => !said.is_known(),
                _ => false,
            };
            let ends = matches!(self.front, None | Some(Entry::Broken(_)));
            if (!answered.is_empty() && (waits || ends)) || answered.len() >= RESULTS_MAX {
                return Some(Ok(answered));
            }
            if waits {
                self.wait().await;
            }
            match self.front.take()? {
                Entry::Refused(result) => answered.push(result),
                Entry::Broken(status) => return Some(Err(status)),
                Entry::Submitted { tag, asked, .. } => match self.ready.pop_front() {
                    Some(result) => {
                        debug_assert_eq!(
                            result.tag, tag,
                            "results come in the order of the batches"
                        );
                        answered.push(asked.answered(result, &self.hints));
                    }
                    None => answered.push(asked.outcome_unknown()),
                },
                Entry::Forwarded {
                    asked,
                    said,
                    target,
                    ..
                } => answered.push(match said {
                    Said::This(Some(result)) => asked.passed_on(result, &target, &self.hints),
                    Said::This(None) | Said::Nothing(_) => asked.outcome_unknown(),
                }),
            }
        }
    }

    /// What is known of the batches that were handed on and not answered: nothing.
    pub(super) fn abandon(mut self) -> Vec<v1::ProduceResult> {
        let mut left = Vec::new();
        let mut next = self.front.take();
        while let Some(entry) = next {
            match entry {
                Entry::Submitted { asked, .. } | Entry::Forwarded { asked, .. } => {
                    left.push(asked.outcome_unknown());
                }
                Entry::Refused(result) => left.push(result),
                Entry::Broken(_) => {}
            }
            next = self.entries.try_recv().ok();
        }
        left
    }

    /// Waits for the front entry's result, unless none can come any more.
    async fn wait(&mut self) {
        if let Some(Entry::Forwarded { said, .. }) = &mut self.front {
            return said.wait().await;
        }
        while self.ready.is_empty() && self.results.next_ready(&mut self.taken).await {
            self.ready.extend(self.taken.drain(..));
        }
    }
}

impl Said {
    fn is_known(&mut self) -> bool {
        if let Self::Nothing(answer) = self {
            match answer.try_recv() {
                Ok(result) => *self = Self::This(Some(result)),
                Err(TryRecvError::Closed) => *self = Self::This(None),
                Err(TryRecvError::Empty) => return false,
            }
        }
        true
    }

    async fn wait(&mut self) {
        if let Self::Nothing(answer) = self {
            let result = answer.await.ok();
            *self = Self::This(result);
        }
    }
}
