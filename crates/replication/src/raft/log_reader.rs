//! openraft's reads of a segment log. A read that races a truncation or purge returns adjoining entries or none.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds, RangeInclusive};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::vec;

use futures_util::stream::{self, StreamExt};
use model::LogIndex;
use openraft::storage::RaftLogReader;
use segment_log::{HeaderAt, Log, LogEnds, ReadLogError};
use thiserror::Error;

use super::entry;
use super::pace::Pace;
use super::shared::{GroupVotes, HEADERS_AT_ONCE, Shared, blocking};
use super::types::{Entry, Payload, RaftLogId, Types, Vote, to_raft};

/// The most that a follower is sent at once, in bytes, unless a single entry is larger.
const ENTRIES_BYTES_MAX: usize = 1 << 20;

/// How long the disk is waited for between two tries, where it lacks something; nobody tells when it has it.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// How often a read is done again that purges or truncations cut across.
const READS_MAX: usize = 1_000;

/// Reads one group's log.
#[derive(Clone)]
pub(crate) struct LogReader {
    log: Log,
    votes: GroupVotes,
    /// Entries below were applied in the state that the group was opened with.
    opened_at: LogIndex,
    /// Read from the disk a moment ago: while it starts, openraft goes through the log in small steps, forwards and
    /// backwards.
    near: Option<Near>,
    stopping: Arc<AtomicBool>,
    pace: Arc<Pace>,
}

/// Adjoining headers, and the ends of the log they were read from. The same last entry means the same log.
#[derive(Clone)]
struct Near {
    headers: Arc<[HeaderAt]>,
    ends: LogEnds,
}

impl LogReader {
    pub(crate) fn new<M>(shared: &Shared<M>) -> Self {
        Self {
            log: shared.log.clone(),
            votes: shared.votes.clone(),
            opened_at: shared.opened_at,
            near: None,
            stopping: shared.stopping.clone(),
            pace: shared.pace.clone(),
        }
    }

    /// The headers of `range` as far as they are there.
    async fn headers(&mut self, range: Range<LogIndex>) -> io::Result<Vec<HeaderAt>> {
        let recent = self.log.recent_headers(range.clone(), HEADERS_AT_ONCE);
        if recent.len() as u64 == range.end.since(range.start) {
            return Ok(recent);
        }
        let ends = self.log.ends();
        let range = range.start.max(ends.first_index)..range.end.min(ends.end_index);
        if let Some(near) = self.near.as_ref().filter(|near| near.ends == ends)
            && let Some(found) = near.get(&range)
        {
            return Ok(found.to_vec());
        }
        let wide = around(&range);
        let wide = wide.start.max(self.opened_at.min(range.start))..wide.end;
        let read = move |log: &Log| read_all(log, wide.clone());
        let headers = patiently(&self.log, &self.stopping, read).await?.into();
        let near = self.near.insert(Near { headers, ends });
        Ok(near.get(&range).unwrap_or_default().to_vec())
    }
}

impl LogReader {
    /// Entries in old segments, of which openraft wants to know only the ids while it starts: from the term table, so
    /// that these segments need be neither read nor sound.
    fn ids(&self, range: Range<LogIndex>) -> Vec<Entry> {
        let indices = (range.start.get()..range.end.get()).map(LogIndex::new);
        let entries = indices.filter_map(|index| {
            let term = self.log.term_at(index)?;
            let log_id = to_raft(model::LogId { term, index });
            let payload = Payload::Blank;
            Some(openraft::Entry { log_id, payload })
        });
        entries.collect()
    }
}

impl Near {
    /// The headers of `range`; `None` where not all of them are here.
    fn get(&self, range: &Range<LogIndex>) -> Option<&[HeaderAt]> {
        let first = self.headers.first()?.index;
        let from = range.start.get().checked_sub(first.get())?;
        let from = usize::try_from(from).ok()?;
        let count = usize::try_from(range.end.since(range.start)).ok()?;
        self.headers.get(from..from.checked_add(count)?)
    }
}

/// A wider range, the same for neighbours.
fn around(range: &Range<LogIndex>) -> Range<LogIndex> {
    let step = HEADERS_AT_ONCE as u64;
    let start = range.start.get() / step * step;
    let end = range.end.get().next_multiple_of(step);
    LogIndex::new(start)..LogIndex::new(end)
}

/// Reads on a thread that may block; what fails only for the moment, again and again until the group is stopped: to
/// openraft every error is final.
async fn patiently<T: Send + 'static>(
    log: &Log,
    stopping: &AtomicBool,
    read: impl Fn(&Log) -> Result<T, Unread> + Clone + Send + 'static,
) -> io::Result<T> {
    loop {
        let (log, read) = (log.clone(), read.clone());
        let path = log.path().to_owned();
        match blocking(move || Ok(read(&log))).await? {
            Ok(found) => return Ok(found),
            Err(Unread::Stored(error)) if error.passes() && !stopping.load(Ordering::Acquire) => {
                tracing::warn!(log = %path.display(), %error, "Raft waits");
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            Err(error) => return Err(io::Error::other(error)),
        }
    }
}

/// Why entries were not read.
#[derive(Debug, Error)]
pub(super) enum Unread {
    #[error(transparent)]
    Stored(#[from] ReadLogError),
    #[error("entry {0} cannot be read")]
    CutAcross(LogIndex),
}

fn read_all(log: &Log, mut range: Range<LogIndex>) -> Result<Vec<HeaderAt>, Unread> {
    range.start = range.start.max(log.ends().first_index);
    let mut found: Vec<HeaderAt> = Vec::new();
    while range.start < range.end {
        let some = read_there(log, &range)?;
        let Some(last) = some.last() else { break };
        range.start = last.index.next();
        found.extend(some);
    }
    Ok(found)
}

/// Headers from the start of `range`, at least one if that entry is there. A read that a purge or truncation cuts across
/// finds nothing, also of what is kept: it is done again.
pub(super) fn read_there(log: &Log, range: &Range<LogIndex>) -> Result<Vec<HeaderAt>, Unread> {
    for _ in 0..READS_MAX {
        let found = log.read_headers(range.clone(), HEADERS_AT_ONCE)?;
        if !found.is_empty() || !is_there(log, range) {
            return Ok(found);
        }
    }
    Err(Unread::CutAcross(range.start))
}

/// Whether the first entry of `range` is there.
fn is_there(log: &Log, range: &Range<LogIndex>) -> bool {
    let ends = log.ends();
    let next = range.start;
    next >= ends.first_index && next < ends.end_index.min(range.end)
}

fn indices(range: &impl RangeBounds<u64>) -> Range<LogIndex> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(end) => end.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    LogIndex::new(start)..LogIndex::new(end)
}

impl RaftLogReader<Types> for LogReader {
    /// Committed entries to be applied, headers only. One that is missing is an error: skipping it would lose it.
    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl futures_util::Stream<Item = io::Result<Entry>> + Send
    where
        RB: RangeBounds<u64> + Clone + Debug + Send,
    {
        let range = indices(&range);
        let recent = self.log.recent_headers(range.clone(), HEADERS_AT_ONCE);
        if recent.len() as u64 == range.end.since(range.start) {
            return stream::iter(recent.into_iter().map(entry::from_header)).left_stream();
        }
        let rest = Rest {
            log: self.log.clone(),
            range,
            read: Vec::new().into_iter(),
            stopping: self.stopping.clone(),
        };
        stream::unfold(rest, Rest::next).right_stream()
    }

    async fn try_get_log_entries<RB>(&mut self, range: RB) -> Result<Vec<Entry>, io::Error>
    where
        RB: RangeBounds<u64> + Clone + Debug + Send,
    {
        let range = indices(&range);
        if range.end <= self.opened_at {
            return Ok(self.ids(range));
        }
        let headers = self.headers(range).await?;
        headers.into_iter().map(entry::from_header).collect()
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        self.votes.votes.read(&self.votes.key)
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<Entry>, io::Error> {
        let range = LogIndex::new(start)..LogIndex::new(end);
        let mut batches = self.log.recent_entries(range.clone(), ENTRIES_BYTES_MAX);
        if batches.is_empty() {
            let read = move |log: &Log| Ok(log.read_entries(range.clone(), ENTRIES_BYTES_MAX)?);
            batches = patiently(&self.log, &self.stopping, read).await?;
            let bytes = batches.iter().map(|(_, batch)| batch.total_bytes() as u64);
            self.pace.take(bytes.sum()).await;
        }
        let entries = batches.into_iter();
        entries
            .map(|(index, batch)| entry::from_batch(index, batch))
            .collect()
    }

    /// The last entry of each term, from the term table.
    async fn get_key_log_ids(
        &mut self,
        range: RangeInclusive<RaftLogId>,
    ) -> Result<Vec<RaftLogId>, io::Error> {
        let terms = self.log.terms();
        let behind = terms.iter().skip(1).map(|(_, first, _)| first.get());
        let ends = behind.chain([u64::MAX]);
        let last_ones = terms.iter().zip(ends).map(|((term, ..), end)| {
            let index = LogIndex::new((end - 1).min(range.end().index));
            to_raft(model::LogId { term: *term, index })
        });
        let (first, last) = (range.start().index, *range.end());
        let in_range = last_ones.filter(|id| id.index >= first && *id <= last);
        Ok(in_range.collect())
    }
}

/// What is left to be read of a range.
struct Rest {
    log: Log,
    range: Range<LogIndex>,
    read: vec::IntoIter<HeaderAt>,
    stopping: Arc<AtomicBool>,
}

impl Rest {
    async fn next(mut self) -> Option<(io::Result<Entry>, Self)> {
        if self.read.len() == 0 && self.range.start < self.range.end {
            let range = self.range.clone();
            let read = move |log: &Log| read_there(log, &range);
            match patiently(&self.log, &self.stopping, read).await {
                Ok(read) => self.read = read.into_iter(),
                Err(error) => return Some((Err(error), self)),
            }
        }
        // Beyond the log's ends nothing is missing.
        let header = self.read.next()?;
        self.range.start = header.index.next();
        Some((entry::from_header(header), self))
    }
}
