//! The newest entries in memory: headers of many, whole batches of few. Staged entries are never dropped.
//!
//! It knows indices and sizes, not files.

use std::collections::VecDeque;

use bytes::Bytes;
use model::LogIndex;
use model::batch::{Batch, BatchHeader};

/// How many headers are kept once they are written: about 100 bytes each.
const HEADERS_MAX: usize = 2048;

pub(crate) struct CachedEntry {
    pub(crate) header: BatchHeader,
    /// The batch, until the bytes are needed for later ones.
    pub(crate) batch: Option<Batch>,
}

#[derive(Default)]
pub(crate) struct TailCache {
    first: LogIndex,
    entries: VecDeque<CachedEntry>,
    /// How many entries at the front have lost their batch.
    stripped: usize,
    batch_bytes: u64,
}

impl TailCache {
    /// Empties it; the next entry is `next`.
    pub(crate) fn restart(&mut self, next: LogIndex) {
        *self = Self {
            first: next,
            ..Self::default()
        };
    }

    pub(crate) fn first(&self) -> LogIndex {
        self.first
    }

    pub(crate) fn push(&mut self, batch: Batch) {
        self.batch_bytes += batch.total_bytes() as u64;
        self.entries.push_back(CachedEntry {
            header: *batch.header(),
            batch: Some(batch),
        });
    }

    pub(crate) fn get(&self, index: LogIndex) -> Option<&CachedEntry> {
        if index < self.first {
            return None;
        }
        self.entries.get(index.since(self.first) as usize)
    }

    /// Cuts off what is at `end` and later.
    pub(crate) fn truncate(&mut self, end: LogIndex) {
        while self.first.plus(self.entries.len() as u64) > end {
            let Some(cut) = self.entries.pop_back() else {
                break;
            };
            self.batch_bytes -= bytes_of(&cut);
        }
        self.stripped = self.stripped.min(self.entries.len());
        if end < self.first {
            self.first = end;
        }
    }

    /// Drops the oldest until the limits hold, but nothing at `written_end` or later.
    pub(crate) fn shrink(&mut self, batch_bytes_max: u64, written_end: LogIndex) {
        let written = written_end.since(self.first) as usize;
        while self.batch_bytes > batch_bytes_max && self.stripped < written {
            let Some(entry) = self.entries.get_mut(self.stripped) else {
                break;
            };
            self.batch_bytes -= entry.batch.take().map_or(0, |b| b.total_bytes() as u64);
            self.stripped += 1;
        }
        while self.entries.len() > HEADERS_MAX && self.first < written_end {
            if let Some(gone) = self.entries.pop_front() {
                self.batch_bytes -= bytes_of(&gone);
            }
            self.stripped = self.stripped.saturating_sub(1);
            self.first = self.first.next();
        }
    }
}

impl CachedEntry {
    /// An internal entry's payload, where the batch is still here.
    pub(crate) fn payload(&self) -> Option<Bytes> {
        self.batch.as_ref().map(|batch| batch.records().clone())
    }
}

fn bytes_of(entry: &CachedEntry) -> u64 {
    entry.batch.as_ref().map_or(0, |b| b.total_bytes() as u64)
}
