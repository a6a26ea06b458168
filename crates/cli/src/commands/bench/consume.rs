//! `strand bench consume`.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use client::{Consumer, ConsumerSettings, TopicPartition};
use futures_util::future::join_all;
use indicatif::ProgressBar;
use model::Offset;
use tokio::time::{Instant, sleep_until};

use super::latency::Measured;
use super::pace::Quota;

use crate::arguments::duration;
use crate::commands::consume::plan::{Plan, Start, Wanted};
use crate::failure::{Exit, Failure};
use crate::progress;
use crate::session::Session;

const AFTER_HELP: &str = "\
Examples:
  strand bench consume                          all that `strand bench produce` has written
  strand bench consume orders --duration 10s";

/// How long is waited where no time is given: longer than anybody will.
const FAR: Duration = Duration::from_secs(365 * 86_400);

/// Measure consuming
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BenchConsumeArgs {
    /// The topic
    #[arg(default_value = "strand-bench")]
    topic: String,
    /// How many records [default: all there are]
    #[arg(long, value_name = "N")]
    records: Option<u64>,
    /// How long at most
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Streams at once; the partitions are shared out among them
    #[arg(long, value_name = "N", default_value_t = 1)]
    streams: u32,
}

pub(crate) async fn run(args: BenchConsumeArgs, session: &Session) -> Result<(), Failure> {
    // With a number or a time, what comes meanwhile counts too.
    let until_end = args.records.is_none() && args.duration.is_none();
    let settings = ConsumerSettings::default();
    let wanted = Wanted {
        topic: &args.topic,
        partition: None,
        start: Start::Beginning,
        until_end,
        patience: settings.retry_for,
    };
    let plan = Plan::make(session, wanted).await?;
    let records = args.records.or_else(|| plan.records());
    let progress = progress::records(records);
    let quota = Quota::new(records, args.duration);
    let ends = Rc::new(plan.ends);
    let streams = args.streams.max(1) as usize;
    let began = Instant::now();
    let running = (0..streams).map(|number| {
        let starts = plan.starts.iter().skip(number).step_by(streams).cloned();
        let consumer = Consumer::subscribe(&session.client, starts, settings.clone());
        stream(consumer, Rc::clone(&ends), quota.clone(), progress.clone())
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
    total.show(&args.topic, "NEXT CHUNK AFTER", session)
}

/// Reads over one stream until the quota is used up or the ends are reached. Batches are checked, not decompressed.
async fn stream(
    mut consumer: Consumer,
    ends: Rc<Option<BTreeMap<TopicPartition, Offset>>>,
    quota: Quota,
    progress: ProgressBar,
) -> Result<Measured, Failure> {
    let mut measured = Measured::new()?;
    let far = Instant::now() + FAR;
    while !quota.is_used_up() {
        let asked = Instant::now();
        let next = tokio::select! {
            next = consumer.next() => next?,
            () = quota.used_up() => None,
            () = sleep_until(quota.until().unwrap_or(far)) => None,
        };
        let Some(chunk) = next else { break };
        measured.latencies.record(asked.elapsed());
        for batch in chunk.batches() {
            let batch = batch?;
            let records = u64::try_from(batch.header().record_count()).unwrap_or_default();
            quota.take(records);
            progress.inc(records);
            measured.records += records;
            measured.batches += 1;
            measured.bytes += batch.total_bytes() as u64;
        }
        let end = ends
            .as_ref()
            .as_ref()
            .and_then(|ends| ends.get(&chunk.partition));
        if end.is_some_and(|end| chunk.next_offset >= *end) {
            consumer.unsubscribe(&chunk.partition);
        }
    }
    Ok(measured)
}
