//! Clients that produce: idempotent ones with five batches in flight, and plain ones that never send twice.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use checker::history::{Action, Kind};
use model::batch::{Batch, BatchBuilder, Codec, ProducerStamp};
use model::{ProducerId, Timestamp};
use replication::{AnswerSink, ProduceOutcome, ProduceRefusal, ProposeError};
use strandline_tests::chance::Chance;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::cluster::{Cluster, Found};
use crate::recorder::{Open, Recorder};

/// How long a client waits for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// As many batches a broker takes from an idempotent producer at a time.
const IN_FLIGHT_MAX: u64 = 5;

/// What a client needs.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) cluster: Cluster,
    pub(crate) recorder: Recorder,
    pub(crate) process: u32,
    pub(crate) chance: Chance,
    /// Says when to begin nothing new.
    pub(crate) stop: watch::Receiver<bool>,
}

/// A batch that was sent and not acknowledged.
struct Pending {
    /// Which batch of the producer it is.
    number: u64,
    sequence: i32,
    values: Vec<String>,
    open: Open,
}

/// How an attempt ended.
enum Attempt {
    Done(u64),
    /// It was certainly not written.
    NotWritten,
    Refused(ProduceRefusal),
    Unknown,
}

impl Client {
    pub(crate) fn stops(&self) -> bool {
        *self.stop.borrow()
    }

    fn values(&mut self, next: &mut u64) -> Vec<String> {
        let count = 1 + self.chance.below(4);
        let process = self.process;
        let mut value = || {
            *next += 1;
            format!("{process}-{next}")
        };
        (0..count).map(|_| value()).collect()
    }

    /// Sends each batch until it is acknowledged.
    pub(crate) async fn produce_idempotently(mut self, pause: Duration) {
        let id = ProducerId::new(u64::from(self.process));
        let (mut next_value, mut next_sequence, mut next_number) = (0, 0, 0);
        let mut pending: VecDeque<Pending> = VecDeque::new();
        loop {
            let wanted = 1 + self.chance.below(IN_FLIGHT_MAX);
            // A broker remembers the last five: the oldest that waits must stay among them.
            let oldest = pending.front().map_or(next_number, |oldest| oldest.number);
            while next_number - oldest < wanted && !self.stops() {
                let values = self.values(&mut next_value);
                let open = self.recorder.invoke(self.process, send(&values, None));
                let sequence = next_sequence;
                next_sequence += values.len() as i32;
                let number = next_number;
                next_number += 1;
                pending.push_back(Pending {
                    number,
                    sequence,
                    values,
                    open,
                });
            }
            if pending.is_empty() {
                return;
            }
            self.round(id, &mut pending).await;
            sleep(self.chance.duration(pause / 4, pause)).await;
        }
    }

    /// Sends all that is pending, in order, to one replica.
    async fn round(&mut self, id: ProducerId, pending: &mut VecDeque<Pending>) {
        let Some(found) = self.cluster.find_leader(&mut self.chance) else {
            return;
        };
        let mut answers = Vec::new();
        let mut batches = Vec::new();
        for batch in pending.iter() {
            let stamp = ProducerStamp {
                id,
                epoch: 0,
                base_sequence: batch.sequence,
            };
            batches.push(build(&batch.values, Some(stamp)));
        }
        answers.extend(propose(&found, batches).await);
        let mut earlier_done = true;
        let mut done = VecDeque::new();
        for (batch, answer) in pending.drain(..).zip(answers) {
            // An answer can be lost on its way.
            let lost = self.chance.below(25) == 0;
            match answer {
                Attempt::Done(offset) if !lost => {
                    self.acknowledged(&found, offset, &batch.values);
                    let action = send(&batch.values, Some(offset));
                    self.recorder.end(&batch.open, Kind::Ok, action);
                    continue;
                }
                Attempt::Done(_) | Attempt::Unknown | Attempt::NotWritten => {}
                Attempt::Refused(refusal) => {
                    if earlier_done {
                        let (process, sequence) = (self.process, batch.sequence);
                        self.cluster.violation(format!(
                            "producer {process} was refused sequence {sequence}, though nothing before is missing: {refusal}"
                        ));
                    }
                }
            }
            earlier_done = false;
            done.push_back(batch);
        }
        *pending = done;
    }

    /// Sends one plain batch to a replica.
    pub(crate) async fn send_once(&mut self, found: &Found, values: Vec<String>) {
        let open = self.recorder.invoke(self.process, send(&values, None));
        let attempt = propose(found, vec![build(&values, None)]).await.pop();
        let (kind, offset) = match attempt {
            Some(Attempt::Done(offset)) => {
                self.acknowledged(found, offset, &values);
                (Kind::Ok, Some(offset))
            }
            Some(Attempt::NotWritten | Attempt::Refused(_)) => (Kind::Fail, None),
            Some(Attempt::Unknown) | None => (Kind::Info, None),
        };
        self.recorder.end(&open, kind, send(&values, offset));
    }

    fn acknowledged(&self, found: &Found, offset: u64, values: &[String]) {
        let voters = found.group.members().voters;
        let end = offset + values.len() as u64;
        self.cluster.lock().acknowledged(&voters, end);
    }

    /// Sends each batch once.
    pub(crate) async fn produce_plainly(mut self, pause: Duration) {
        let mut next_value = 0;
        while !self.stops() {
            sleep(self.chance.duration(pause / 4, pause)).await;
            let Some(found) = self.cluster.find_leader(&mut self.chance) else {
                continue;
            };
            let values = self.values(&mut next_value);
            self.send_once(&found, values).await;
        }
    }
}

fn send(values: &[String], offset: Option<u64>) -> Action {
    Action::Send {
        partition: 0,
        values: values.to_vec(),
        offset,
    }
}

fn build(values: &[String], producer: Option<ProducerStamp>) -> Batch {
    let mut builder = BatchBuilder::new(Codec::None);
    if let Some(stamp) = producer {
        builder = builder.with_producer(stamp);
    }
    for value in values {
        let now = Timestamp::from_millis(1);
        builder.push(now, None, Some(value.as_bytes()), &[]);
    }
    builder.build().expect("a batch of some records")
}

/// Takes the answers of one round.
#[derive(Default)]
struct Answers(Mutex<BTreeMap<u64, oneshot::Sender<ProduceOutcome>>>);

impl AnswerSink for Answers {
    fn answer(&self, tag: u64, outcome: ProduceOutcome) {
        if let Some(sender) = self.0.lock().unwrap().remove(&tag) {
            // Whoever gave up does not want to know.
            let _ = sender.send(outcome);
        }
    }
}

/// Proposes batches at a replica, in order, and waits for their answers.
async fn propose(found: &Found, batches: Vec<Batch>) -> Vec<Attempt> {
    let deadline = Instant::now() + ANSWER_WITHIN;
    let count = batches.len();
    let sink = Arc::new(Answers::default());
    let (group, answers) = (found.group.clone(), sink.clone());
    // In the broker's process: it stands still and dies with it.
    let proposing = found.process.spawn(async move {
        let sink: Arc<dyn AnswerSink> = answers.clone();
        let mut waiting = Vec::new();
        for (tag, batch) in (0..).zip(batches) {
            let (sender, answer) = oneshot::channel();
            answers.0.lock().unwrap().insert(tag, sender);
            let proposed = group.propose(batch, &sink, tag).await;
            waiting.push((proposed, answer));
        }
        waiting
    });
    let Ok(Ok(waiting)) = timeout(ANSWER_WITHIN, proposing).await else {
        return (0..count).map(|_| Attempt::Unknown).collect();
    };
    let mut attempts = Vec::new();
    for (proposed, answer) in waiting {
        attempts.push(match proposed {
            Err(ProposeError::Unknown) => Attempt::Unknown,
            Err(_) => Attempt::NotWritten,
            Ok(()) => match timeout_at(deadline, answer).await {
                Ok(Ok(outcome)) => attempt(outcome),
                _ => Attempt::Unknown,
            },
        });
    }
    attempts
}

fn attempt(outcome: ProduceOutcome) -> Attempt {
    match outcome {
        ProduceOutcome::Appended { base_offset, .. }
        | ProduceOutcome::Duplicate { base_offset } => Attempt::Done(base_offset.get()),
        ProduceOutcome::Refused(refusal) => Attempt::Refused(refusal),
        ProduceOutcome::NotLeader { .. } | ProduceOutcome::NoQuorum => Attempt::NotWritten,
        ProduceOutcome::Unknown => Attempt::Unknown,
    }
}
