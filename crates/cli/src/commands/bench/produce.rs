//! `strand bench produce`.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use client::{
    CallError, Client, Delivered, Delivery, NewTopic, OutgoingBatch, ProduceError, Producer,
    ProducerSettings, Reason,
};
use futures_util::future::join_all;
use indicatif::ProgressBar;
use model::batch::{Batch, Codec};
use model::{Durability, PartitionIndex, Timestamp, TopicName};
use tokio::time::{Instant, sleep_until};

use super::latency::Measured;
use super::load::BatchShape;
use super::pace::{Pace, Quota};

use crate::arguments::{byte_count, duration};
use crate::commands::produce::Compression;
use crate::failure::{Exit, Failure};
use crate::progress;
use crate::session::Session;

const AFTER_HELP: &str = "\
Examples:
  strand bench produce --records 10000000 --record-bytes 100
  strand bench produce --streams 64 --in-flight 1 --batch-records 10 --record-bytes 100
  strand bench produce --rate 50000 --duration 1m        latency counted from when a record was due";

/// Measure producing
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BenchProduceArgs {
    /// The topic; created where it is missing, and kept
    #[arg(default_value = "strand-bench")]
    topic: String,
    /// How many records [default: 1000000, or unlimited with --duration]
    #[arg(long, value_name = "N")]
    records: Option<u64>,
    /// How long
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Bytes of each record's value
    #[arg(long, value_name = "SIZE", default_value = "1000", value_parser = byte_count)]
    record_bytes: u64,
    /// Bytes of each batch
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = byte_count)]
    batch_bytes: u64,
    /// Records of each batch, instead of --batch-bytes
    #[arg(long, value_name = "N", conflicts_with = "batch_bytes")]
    batch_records: Option<u32>,
    /// Streams at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    streams: u32,
    /// Batches in flight on each stream
    #[arg(long, value_name = "N", default_value_t = 64)]
    in_flight: u32,
    /// Records a second over all streams [default: as fast as it goes]
    #[arg(long, value_name = "N")]
    rate: Option<u64>,
    /// Partitions, where the topic is created
    #[arg(long, value_name = "N", default_value_t = 1)]
    partitions: u32,
    /// Durability, where the topic is created
    #[arg(long, value_enum, default_value_t = DurabilityChoice::Fsync)]
    durability: DurabilityChoice,
    /// How batches are compressed
    #[arg(long, value_enum, default_value_t = Compression::None)]
    compression: Compression,
}

/// When a record counts as acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DurabilityChoice {
    Fsync,
    PageCache,
}

impl From<DurabilityChoice> for Durability {
    fn from(choice: DurabilityChoice) -> Self {
        match choice {
            DurabilityChoice::Fsync => Self::Fsync,
            DurabilityChoice::PageCache => Self::PageCache,
        }
    }
}

/// Records sent where neither their number nor a time is given.
const RECORDS_DEFAULT: u64 = 1_000_000;

pub(crate) async fn run(args: BenchProduceArgs, session: &Session) -> Result<(), Failure> {
    let name = TopicName::new(&args.topic)
        .map_err(|error| Failure::new(Exit::Refused, "INVALID_TOPIC_NAME", error.to_string()))?;
    let partitions = open_topic(&args, session).await?;
    let record_bytes = usize::try_from(args.record_bytes).unwrap_or(usize::MAX);
    let shape = match args.batch_records {
        Some(records) => BatchShape {
            records: records.max(1),
            record_bytes,
        },
        None => BatchShape::filling(args.batch_bytes, record_bytes),
    };
    let records = args
        .records
        .or_else(|| args.duration.is_none().then_some(RECORDS_DEFAULT));
    let progress = progress::records(records);
    let now = Timestamp::from_system_time(std::time::SystemTime::now());
    let plan = Rc::new(Plan {
        client: session.client.clone(),
        topic: name,
        partitions,
        batch: shape.batch(args.compression.into(), shape.records, now)?,
        codec: args.compression.into(),
        shape,
        quota: Quota::new(records, args.duration),
        progress: progress.clone(),
    });
    let settings = ProducerSettings {
        in_flight_batches_max: args.in_flight.max(1) as usize,
        in_flight_bytes_max: u32::MAX as usize,
        // As many in flight as asked for: with numbers, a partition takes five.
        idempotent: false,
        ..ProducerSettings::default()
    };
    let streams = args.streams.max(1);
    let began = Instant::now();
    let running = (0..streams).map(|number| {
        let pace = args
            .rate
            .map(|rate| Pace::new(rate, shape.records, number, streams));
        stream(Rc::clone(&plan), settings.clone(), number, pace)
    });
    let measured = tokio::select! {
        measured = join_all(running) => measured,
        _ = tokio::signal::ctrl_c() => return Err(Failure::new(Exit::Failed, "INTERRUPTED", "interrupted")),
    };
    let mut total = Measured::new()?;
    for stream in measured {
        total.add(&stream?);
    }
    total.took = began.elapsed();
    progress.finish_and_clear();
    total.show(&args.topic, "BATCH ACKNOWLEDGED AFTER", session)
}

/// What the streams have in common.
struct Plan {
    client: Client,
    topic: TopicName,
    partitions: NonZeroU32,
    batch: Batch,
    codec: Codec,
    shape: BatchShape,
    quota: Quota,
    progress: ProgressBar,
}

/// A batch that has no result yet.
struct Sent {
    at: Instant,
    records: u64,
    bytes: u64,
    delivery: Delivery,
}

/// Sends over one stream until the quota is used up; at the pace, if there is one, else as fast as results come.
async fn stream(
    plan: Rc<Plan>,
    settings: ProducerSettings,
    number: u32,
    mut pace: Option<Pace>,
) -> Result<Measured, Failure> {
    let producer = Producer::open(&plan.client, settings);
    let mut partition = PartitionIndex::new(number % plan.partitions);
    let mut measured = Measured::new()?;
    let mut sent: VecDeque<Sent> = VecDeque::new();
    let mut more = true;
    while more || !sent.is_empty() {
        let due = pace.as_ref().map_or_else(Instant::now, Pace::due);
        tokio::select! {
            biased;
            result = async { Some((&mut sent.front_mut()?.delivery).await) }, if !sent.is_empty() => {
                let first = sent.pop_front();
                if let (Some(result), Some(first)) = (result, first) {
                    settle(&plan, result, &first, &mut measured)?;
                }
            }
            () = sleep_until(due), if more => {
                let records = plan.quota.take(plan.shape.records.into());
                more = records > 0;
                if more {
                    let (bytes, delivery) = send(&plan, &producer, partition, records).await?;
                    let at = pace.as_ref().map_or_else(Instant::now, Pace::due);
                    sent.push_back(Sent { at, records, bytes, delivery });
                    partition = PartitionIndex::new((partition.get() + 1) % plan.partitions);
                    pace.as_mut().map(Pace::advance).unwrap_or_default();
                }
            }
        }
    }
    producer.close().await?;
    Ok(measured)
}

/// Hands a batch on, once there is room; its size in bytes, and its delivery.
async fn send(
    plan: &Plan,
    producer: &Producer,
    partition: PartitionIndex,
    records: u64,
) -> Result<(u64, Delivery), Failure> {
    let whole = plan.shape.records;
    let last = match u32::try_from(records) {
        Ok(records) if records < whole => Some(plan.shape.batch(
            plan.codec,
            records,
            plan.batch.header().base_timestamp(),
        )?),
        _ => None,
    };
    let batch = last.as_ref().unwrap_or(&plan.batch);
    let outgoing = OutgoingBatch::encoded(plan.topic.clone(), partition, batch);
    let delivery = producer
        .send(outgoing)
        .await
        .map_err(|error| Failure::new(Exit::Failed, "ABANDONED", error.to_string()))?;
    Ok((batch.total_bytes() as u64, delivery))
}

fn settle(
    plan: &Plan,
    result: Result<Delivered, ProduceError>,
    sent: &Sent,
    measured: &mut Measured,
) -> Result<(), Failure> {
    if let Err(error) = result {
        plan.quota.end();
        return Err(error.into());
    }
    measured.latencies.record(sent.at.elapsed());
    measured.records += sent.records;
    measured.batches += 1;
    measured.bytes += sent.bytes;
    plan.progress.inc(sent.records);
    Ok(())
}

/// Creates the topic where it is missing; how many partitions it has.
async fn open_topic(args: &BenchProduceArgs, session: &Session) -> Result<NonZeroU32, Failure> {
    let durability = Durability::from(args.durability).to_string();
    let new = NewTopic {
        name: args.topic.clone(),
        partitions: Some(i32::try_from(args.partitions).unwrap_or(i32::MAX)),
        configs: BTreeMap::from([("durability".to_owned(), durability)]),
        ..NewTopic::default()
    };
    let topic = match session.admin().create_topic(new).await {
        Ok(created) => created.topic,
        Err(CallError::Refused(refusal)) if refusal.is(Reason::TopicExists) => {
            session.admin().get_topic(&args.topic).await?
        }
        Err(error) => return Err(error.into()),
    };
    let partitions = u32::try_from(topic.partitions.len())
        .ok()
        .and_then(NonZeroU32::new);
    partitions.ok_or_else(|| {
        Failure::new(
            Exit::Failed,
            "MALFORMED_ANSWER",
            format!("{} has no partition", args.topic),
        )
    })
}
