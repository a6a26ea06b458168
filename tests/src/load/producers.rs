//! Producers: one that streams with many batches in flight, one that waits for each result.

use std::collections::VecDeque;
use std::time::Duration;

use crate::chance::Chance;
use crate::harness::Api;
use checker::history::{Action, Kind, Open};
use rpc::Reason;
use rpc::v1::produce_batch::Payload;
use rpc::v1::{
    Compression, Error, InitProducerRequest, PlainRecords, ProduceBatch, ProduceRequest,
    ProduceResult, ProduceStreamRequest, ProducerSequence, Record,
};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Request;

use super::payload::bytes_of;
use super::stage::Stage;

/// How long an answer is waited for: a broker that is paused or cut off gives none.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(15);

/// Batches in flight without sequence numbers.
const WINDOW: usize = 8;

/// Batches in flight with them: as many as the broker remembers, so that it knows each one that comes again.
const NUMBERED_WINDOW: usize = 5;

/// A batch that has no result yet.
struct Pending {
    open: Open,
    values: Vec<String>,
    sequence: Option<ProducerSequence>,
    compression: Compression,
}

/// A producer's numbering.
struct Producer {
    stage: Stage,
    partition: u32,
    process: u32,
    chance: Chance,
    id: Option<i64>,
    sent: i32,
    /// Whether the partition has taken a batch of it: until then it takes any, also one that overtakes another.
    is_known: bool,
}

impl Producer {
    fn new(stage: Stage, partition: u32, chance: Chance) -> Self {
        let process = stage.new_process();
        Self {
            stage,
            partition,
            process,
            chance,
            id: None,
            sent: 0,
            is_known: false,
        }
    }

    /// Begins a new batch.
    fn next(&mut self) -> Pending {
        let count = 1 + self.chance.below(5) as i32;
        let first = self.sent;
        let values: Vec<_> = (first..first + count)
            .map(|number| format!("{}-{number}", self.process))
            .collect();
        self.sent += count;
        let sequence = self.id.map(|producer_id| ProducerSequence {
            producer_id,
            epoch: 0,
            base_sequence: first,
        });
        let compression = [
            Compression::None,
            Compression::Gzip,
            Compression::Lz4,
            Compression::Zstd,
        ][self.chance.below(4) as usize];
        let open = self
            .stage
            .recorder
            .invoke(self.process, self.send(&values, None));
        Pending {
            open,
            values,
            sequence,
            compression,
        }
    }

    fn message(&self, pending: &Pending) -> ProduceBatch {
        let record = |name: &String| Record {
            value: Some(bytes_of(name).into()),
            ..Record::default()
        };
        let records = PlainRecords {
            records: pending.values.iter().map(record).collect(),
            compression: pending.compression.into(),
            sequence: pending.sequence,
        };
        ProduceBatch {
            topic: self.stage.topic.clone(),
            partition: Some(self.partition as i32),
            payload: Some(Payload::Records(records)),
            expected_base_offset: None,
        }
    }

    fn send(&self, values: &[String], offset: Option<u64>) -> Action {
        Action::Send {
            partition: self.partition,
            values: values.to_vec(),
            offset,
        }
    }

    /// Behind a batch of unknown outcome it goes on as another process: the batch may yet be written, behind those that
    /// are sent from now on.
    fn end(&mut self, pending: &Pending, kind: Kind, offset: Option<u64>) {
        self.stage
            .recorder
            .end(&pending.open, kind, self.send(&pending.values, offset));
        if kind == Kind::Info {
            self.process = self.stage.new_process();
        }
    }

    fn acknowledged(&mut self, pending: &Pending, result: &ProduceResult) {
        assert_eq!(
            result.records as usize,
            pending.values.len(),
            "records of {result:?}"
        );
        assert!(
            pending.sequence.is_some() || !result.duplicate,
            "a duplicate without a sequence: {result:?}"
        );
        let offset = u64::try_from(result.base_offset).expect("offsets are not negative");
        self.end(pending, Kind::Ok, Some(offset));
        self.is_known = true;
        self.stage
            .acknowledge(self.partition, offset, &pending.values);
    }
}

/// What an error says of a batch.
fn kind_of(stage: &Stage, error: &Error) -> Kind {
    use rpc::Retry::{Never, OnlyIfIdempotent, Safe};
    stage.refuse(&error.reason);
    match Reason::of_name(&error.reason).map(Reason::retry) {
        Some(Safe) => Kind::Fail,
        Some(OnlyIfIdempotent) | None => Kind::Info,
        Some(Never) => panic!("a sound batch was refused: {error:?}"),
    }
}

/// Streams with a window of batches. With sequence numbers, what has no result is sent again until it has one;
/// without, it is given up as unknown.
pub(super) async fn streaming(stage: Stage, partition: u32, idempotent: bool, chance: Chance) {
    let mut producer = Producer::new(stage.clone(), partition, chance);
    let mut window = VecDeque::new();
    while !(stage.is_stopping() && window.is_empty()) {
        let mut api = stage.connect().await;
        if idempotent && producer.id.is_none() {
            let asked = api.producer.init_producer(InitProducerRequest {});
            match timeout(ANSWER_WAIT_MAX, asked).await {
                Ok(Ok(answer)) => producer.id = Some(answer.into_inner().producer_id),
                Ok(Err(_)) | Err(_) => continue,
            }
        }
        one_stream(&mut api, &mut producer, &mut window).await;
        if !idempotent {
            for pending in window.drain(..) {
                producer.end(&pending, Kind::Info, None);
            }
        }
    }
}

/// Streams until the stream breaks, a batch is refused, or nothing is left to do.
async fn one_stream(api: &mut Api, producer: &mut Producer, window: &mut VecDeque<Pending>) {
    let (batches, stream) = mpsc::unbounded_channel();
    let push = |batch| {
        batches
            .send(ProduceStreamRequest {
                batch: Some(batch),
                acks: 0,
            })
            .is_ok()
    };
    for pending in &*window {
        push(producer.message(pending));
    }
    let opened = api
        .producer
        .produce_stream(UnboundedReceiverStream::new(stream));
    let Ok(Ok(answers)) = timeout(ANSWER_WAIT_MAX, opened).await else {
        return;
    };
    let mut answers = answers.into_inner();
    let mut results = 0;
    loop {
        let window_max = match (producer.id, producer.is_known) {
            (None, _) => WINDOW,
            (Some(_), true) => NUMBERED_WINDOW,
            (Some(_), false) => 1,
        };
        while window.len() < window_max && !producer.stage.is_stopping() {
            producer.stage.rest().await;
            let pending = producer.next();
            push(producer.message(&pending));
            window.push_back(pending);
        }
        if window.is_empty() {
            return;
        }
        let Ok(Ok(Some(answer))) = timeout(ANSWER_WAIT_MAX, answers.message()).await else {
            return;
        };
        for result in answer.results {
            assert_eq!(
                result.batch, results,
                "results come in the order of the batches"
            );
            results += 1;
            let pending = window
                .front()
                .expect("there are not more results than batches");
            match &result.error {
                None => producer.acknowledged(pending, &result),
                Some(error) => {
                    let kind = kind_of(&producer.stage, error);
                    if pending.sequence.is_some() {
                        // It is sent again, in a new stream, with everything behind it.
                        return;
                    }
                    producer.end(pending, kind, None);
                }
            }
            window.pop_front();
        }
    }
}

/// Sends one batch after the other, without sequence numbers.
pub(super) async fn one_by_one(stage: Stage, partition: u32, chance: Chance) {
    let mut producer = Producer::new(stage.clone(), partition, chance);
    while !stage.is_stopping() {
        let mut api = stage.connect().await;
        loop {
            stage.rest().await;
            let pending = producer.next();
            let batches = vec![producer.message(&pending)];
            let mut request = Request::new(ProduceRequest { batches, acks: 0 });
            request.set_timeout(Duration::from_secs(10));
            let answer = timeout(ANSWER_WAIT_MAX, api.producer.produce(request)).await;
            let Ok(answer) = answer else {
                producer.end(&pending, Kind::Info, None);
                break;
            };
            let answer = answer.map(|answer| answer.into_inner().results);
            match answer.as_deref() {
                Ok([result]) => match &result.error {
                    None => producer.acknowledged(&pending, result),
                    Some(error) => producer.end(&pending, kind_of(&producer.stage, error), None),
                },
                Ok(results) => panic!("one batch, one partition, but {results:?}"),
                Err(status) => {
                    producer.end(&pending, kind_of(&stage, &Error::from_status(status)), None);
                    break;
                }
            }
            if stage.is_stopping() {
                break;
            }
        }
    }
}
