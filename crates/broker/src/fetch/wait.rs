//! The long poll: reads, and where that is not enough, waits until a partition has more, or time is up.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, select_all};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::confirm::confirm;
use super::read::{ReadOnce, Wanted, read_all};
use super::{FetchAnswer, FetchPartition, FetchPermit, FetchRequest};
use crate::Broker;

/// How often a fetch that waits looks whether its leaders hear from a quorum.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// Becomes ready when there may be more to read, or something else.
type Change = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Broker {
    /// Reads records by offset; waits up to `wait_max` until there are `bytes_min` of them. An error of any
    /// partition is answered at once. Between the high watermark and the log end there is nothing yet: no error.
    pub async fn fetch(&self, request: FetchRequest) -> FetchAnswer {
        if request.partitions.is_empty() {
            return self.answer(&[], ReadOnce::default()).await;
        }
        let wait_max = request.wait_max.min(self.settings.fetch_wait_max);
        let deadline = Instant::now() + wait_max;
        let limit = self.settings.fetch_bytes_max;
        let bytes_max = request.bytes_max.map_or(limit, |wanted| wanted.min(limit));
        // More than can be answered would be waited for in vain.
        let bytes_min = request.bytes_min.clamp(1, bytes_max.max(1));
        let (wanted, mut read, began) = loop {
            // Before the look-up: a topic deleted or created behind it wakes us.
            let mut tables = self.partitions.version();
            let wanted = Arc::new(self.find_all(&request.partitions).await);
            // Before the read: what comes behind it wakes us.
            let changes = changes(&wanted);
            let began = Instant::now();
            let read = read_all(&wanted, bytes_max).await;
            if read.bytes >= bytes_min || read.has_errors() || self.is_stopping() {
                break (wanted, read, began);
            }
            let mut stopping = self.stopping();
            let more = async {
                tokio::select! {
                    _ = select_all(changes) => {}
                    _ = tables.changed() => {}
                    _ = stopping.wait_for(|stopping| *stopping) => {}
                    () = cut_off(&wanted) => {}
                }
            };
            if timeout_at(deadline, more).await.is_err() || are_cut_off(&wanted) {
                break (wanted, read, began);
            }
        };
        confirm(&wanted, &mut read).await;
        for partition in &mut read.partitions {
            if let Err(error) = partition {
                *error = self.once_repaired(error.clone());
            }
        }
        let answer = self.answer(&wanted, read).await;
        self.meters.fetch_seconds.record(began.elapsed());
        answer
    }

    async fn find_all(&self, partitions: &[FetchPartition]) -> Vec<Wanted> {
        let find = |wanted: &FetchPartition| {
            let wanted = wanted.clone();
            async move {
                let found = self.locate(&wanted.topic, wanted.partition).await?;
                Ok((found.partition, wanted))
            }
        };
        join_all(partitions.iter().map(find)).await
    }

    /// Hands the bytes out once there is room for them among all answers under way.
    async fn answer(&self, wanted: &[Wanted], read: ReadOnce) -> FetchAnswer {
        self.count(wanted, &read);
        let permit = match read.bytes {
            0 => None,
            bytes => self.fetch_budget.take(bytes).await,
        };
        FetchAnswer {
            partitions: read.partitions,
            permit: FetchPermit { _permit: permit },
        }
    }

    fn count(&self, wanted: &[Wanted], read: &ReadOnce) {
        self.meters.fetches.increment(1);
        self.meters.fetched_bytes.increment(read.bytes);
        for (wanted, read) in wanted.iter().zip(&read.partitions) {
            match (wanted, read) {
                (Ok((partition, wanted)), Ok(read)) => {
                    let records = read.next_offset.since(wanted.offset);
                    self.meters.fetched_records.increment(records);
                    partition.traffic.fetched(records, read.bytes);
                }
                _ => self.meters.fetch_refused.increment(1),
            }
        }
    }
}

/// Becomes ready when a partition's leader hears from no quorum: nothing will come, and somebody else may lead.
async fn cut_off(wanted: &[Wanted]) {
    while !are_cut_off(wanted) {
        sleep(LOOKS_EVERY).await;
    }
}

fn are_cut_off(wanted: &[Wanted]) -> bool {
    let mut partitions = wanted.iter().flatten();
    partitions.any(|(partition, _)| {
        !partition.group.is_confirmed() && partition.group.stopped().is_none()
    })
}

fn changes(wanted: &[Wanted]) -> Vec<Change> {
    let partitions = wanted.iter().flatten();
    partitions
        .map(|(partition, _)| {
            let mut ends = partition.group.watch();
            // Now, not when the future is first looked at.
            ends.mark_unchanged();
            let stops_serving = partition.group.stops_serving();
            let change: Change = Box::pin(async {
                tokio::select! {
                    () = changed(ends) => {}
                    () = stops_serving => {}
                }
            });
            change
        })
        .collect()
}

/// Ends that nobody moves any more count as ones that never change: the group has stopped, or its topic was deleted,
/// which shows in the table.
async fn changed<T>(mut ends: watch::Receiver<T>) {
    if ends.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
