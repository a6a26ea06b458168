//! Clients that read on and on, and ask for ends.

use std::time::Duration;

use checker::history::{Action, End, Kind, Seen};
use model::Offset;
use model::batch::{Batch, Records};
use replication::process::blocking;
use replication::{LogGroup, ReadFromError};
use tokio::time::{sleep, timeout};

use crate::cluster::Found;
use crate::producers::Client;

const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How a poll ended.
pub(crate) enum Polled {
    Read {
        seen: Seen,
        next: u64,
    },
    BelowLogStart(u64),
    Nothing,
    /// The broker says that what it stored is damaged, or that it cannot read it.
    Unreadable(String),
}

impl Client {
    /// Polls from wherever it is; jumps where what it wants is gone.
    pub(crate) async fn consume(mut self, pause: Duration, jumpers: u32) {
        let mut from = 0;
        let mut jumps = 0;
        let first = self.process;
        while !self.stops() {
            sleep(self.chance.duration(pause / 4, pause)).await;
            let Some(found) = self.cluster.find_leader(&mut self.chance) else {
                continue;
            };
            if self.chance.below(8) == 0 {
                self.list_latest(&found).await;
                continue;
            }
            let bytes = 100 + self.chance.below(3000) as usize;
            let confirmed = self.chance.below(3) == 0;
            match self.poll(&found, from, bytes, confirmed, false).await {
                Polled::Read { next, .. } => from = next,
                Polled::BelowLogStart(log_start) => {
                    // A consumer that jumps is a new process.
                    jumps += 1;
                    self.process = first + jumps * jumpers;
                    from = log_start;
                }
                Polled::Nothing | Polled::Unreadable(_) => {}
            }
        }
    }

    pub(crate) async fn poll(
        &mut self,
        found: &Found,
        from: u64,
        bytes: usize,
        confirmed: bool,
        last_reading: bool,
    ) -> Polled {
        let action = |seen| Action::Poll {
            partition: 0,
            from,
            last_reading,
            seen,
        };
        let open = self.recorder.invoke(self.process, action(None));
        let group = found.group.clone();
        let polling = found.process.spawn(read(group, from, bytes, confirmed));
        let polled = match timeout(ANSWER_WITHIN, polling).await {
            Ok(Ok(polled)) => polled,
            _ => Polled::Nothing,
        };
        match &polled {
            Polled::Unreadable(reason) if !self.cluster.lock().may_be_bad(found.replica) => {
                let replica = found.replica;
                self.cluster
                    .violation(format!("replica {replica} cannot be read: {reason}"));
            }
            Polled::Read { seen, .. } => {
                self.recorder
                    .end(&open, Kind::Ok, action(Some(seen.clone())));
            }
            _ => self.recorder.end(&open, Kind::Fail, action(None)),
        }
        polled
    }

    async fn list_latest(&mut self, found: &Found) {
        let action = |offset| Action::ListOffsets {
            partition: 0,
            end: End::Latest,
            offset,
        };
        let open = self.recorder.invoke(self.process, action(None));
        let group = found.group.clone();
        let asking = found.process.spawn(async move { group.latest().await });
        match timeout(ANSWER_WITHIN, asking).await {
            Ok(Ok(Ok(latest))) => {
                let action = action(Some(latest.get()));
                self.recorder.end(&open, Kind::Ok, action);
            }
            _ => self.recorder.end(&open, Kind::Fail, action(None)),
        }
    }
}

/// What a broker does for a fetch.
async fn read(group: LogGroup, from: u64, bytes: usize, confirmed: bool) -> Polled {
    if confirmed && group.latest().await.is_err() {
        return Polled::Nothing;
    }
    let before = group.status();
    if !before.serves {
        return Polled::Nothing;
    }
    let reader = group.clone();
    let read = blocking(move || reader.read(Offset::new(from), bytes)).await;
    let fetched = match read.unwrap() {
        Ok(fetched) => fetched,
        Err(ReadFromError::BelowLogStart { log_start, .. }) => {
            return Polled::BelowLogStart(log_start.get());
        }
        Err(ReadFromError::AboveEnd { .. }) => return Polled::Nothing,
        Err(ReadFromError::Stored(error)) => return Polled::Unreadable(error.to_string()),
    };
    let mut records = Vec::new();
    for mut run in fetched.batches {
        while let Ok(batch) = Batch::split_off(&mut run) {
            // What turned bad after its first reading is left to whoever receives it.
            if let Err(error) = batch.check_crc() {
                return Polled::Unreadable(error.to_string());
            }
            for record in Records::of(&batch, 1 << 20).expect("records") {
                let record = record.expect("a record");
                let value = record.value.unwrap_or_default();
                let value = String::from_utf8_lossy(&value).into_owned();
                // The first batch may begin before what is wanted.
                if record.offset.get() >= from.max(before.log_start.get()) {
                    records.push((record.offset.get(), value));
                }
            }
        }
    }
    let after = group.status();
    Polled::Read {
        seen: Seen {
            records,
            log_start: before.log_start.get(),
            high_watermark: after.high_watermark.get(),
            confirmed,
        },
        next: fetched.next_offset.get(),
    }
}
