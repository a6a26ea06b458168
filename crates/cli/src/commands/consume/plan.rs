//! From where to where each partition is read.

use std::collections::BTreeMap;
use std::time::Duration;

use client::{OffsetPosition, TopicPartition};
use model::{Offset, PartitionIndex, Timestamp, TopicName};
use tokio::time::{Instant, sleep};

use super::trouble::Notes;
use crate::failure::{Exit, Failure};
use crate::session::Session;

/// How soon offsets are asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Beginning,
    End,
    At(Offset),
    AtTime(Timestamp),
}

impl Start {
    /// Whether anything is to be read from `from`, where this start led to, up to an end that was asked for before.
    fn leaves_unread(self, from: Offset, end: Offset) -> bool {
        match self {
            // An offset behind the end is read all the same: the broker says what is wrong with it.
            Self::At(_) => from != end,
            // Records may have come, or gone, meanwhile.
            Self::Beginning | Self::End | Self::AtTime(_) => from < end,
        }
    }
}

/// What is to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) topic: &'a str,
    /// Only this one; `None`: all of them.
    pub(crate) partition: Option<u32>,
    pub(crate) start: Start,
    pub(crate) until_end: bool,
    /// How long a partition may have no leader.
    pub(crate) patience: Duration,
}

/// From where each partition is read and, where there is an end, the first offset that is not.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) starts: Vec<(TopicPartition, Offset)>,
    pub(crate) ends: Option<BTreeMap<TopicPartition, Offset>>,
}

impl Plan {
    /// How many offsets lie between the starts and the ends, where there are ends.
    pub(crate) fn records(&self) -> Option<u64> {
        let ends = self.ends.as_ref()?;
        let lengths = self
            .starts
            .iter()
            .filter_map(|(partition, start)| Some(ends.get(partition)?.since(*start)));
        Some(lengths.sum())
    }

    /// Asks the broker for what it takes. With `until_end`, partitions that are at their end already are left out.
    pub(crate) async fn make(session: &Session, wanted: Wanted<'_>) -> Result<Self, Failure> {
        let Wanted {
            start, until_end, ..
        } = wanted;
        let partitions = partitions(session, wanted.topic, wanted.partition).await?;
        let offsets = async |position| {
            let asking = offsets(session, &partitions, position, wanted.patience);
            asking.await
        };
        let (from_end, from_time) = (start == Start::End, matches!(start, Start::AtTime(_)));
        // A time that no record has reached means the end.
        let ends = if until_end || from_end || from_time {
            known(offsets(OffsetPosition::Latest).await?)
        } else {
            Vec::new()
        };
        let starts = match start {
            Start::Beginning => known(offsets(OffsetPosition::Earliest).await?),
            Start::End => ends.clone(),
            Start::At(offset) => vec![offset; partitions.len()],
            Start::AtTime(time) => {
                let found = offsets(OffsetPosition::AtTime(time)).await?;
                found
                    .into_iter()
                    .zip(&ends)
                    .map(|(found, end)| found.unwrap_or(*end))
                    .collect()
            }
        };
        let starts: Vec<_> = partitions.iter().cloned().zip(starts).collect();
        if !until_end {
            return Ok(Self { starts, ends: None });
        }
        let ends: BTreeMap<_, _> = partitions.into_iter().zip(ends).collect();
        let unread = |(partition, from): &(TopicPartition, Offset)| {
            ends.get(partition)
                .is_some_and(|end| start.leaves_unread(*from, *end))
        };
        Ok(Self {
            starts: starts.into_iter().filter(unread).collect(),
            ends: Some(ends),
        })
    }
}

/// Finds offsets; as long as a partition has no leader, again and again.
async fn offsets(
    session: &Session,
    partitions: &[TopicPartition],
    position: OffsetPosition,
    patience: Duration,
) -> Result<Vec<Option<Offset>>, Failure> {
    let admin = session.admin();
    let began = Instant::now();
    let mut notes = Notes::default();
    loop {
        match admin.list_offsets(partitions, position).await {
            Err(error) if error.is_passing() && began.elapsed() < patience => {
                notes.note(began, &error, patience);
                sleep(ASK_AGAIN).await;
            }
            answer => return Ok(answer?),
        }
    }
}

/// The first and the last offset always are somewhere.
fn known(offsets: Vec<Option<Offset>>) -> Vec<Offset> {
    offsets.into_iter().map(Option::unwrap_or_default).collect()
}

async fn partitions(
    session: &Session,
    topic: &str,
    only: Option<u32>,
) -> Result<Vec<TopicPartition>, Failure> {
    let name = TopicName::new(topic)
        .map_err(|error| Failure::new(Exit::Refused, "INVALID_TOPIC_NAME", error.to_string()))?;
    let of = |partition| TopicPartition {
        topic: name.clone(),
        partition,
    };
    if let Some(only) = only {
        return Ok(vec![of(PartitionIndex::new(only))]);
    }
    let topic = session.admin().get_topic(topic).await?;
    Ok(topic
        .partitions
        .iter()
        .map(|partition| of(partition.partition))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_retention_has_moved_behind_the_end_leaves_nothing_to_wait_for() {
        let (from, end) = (Offset::new(9), Offset::new(5));
        assert!(!Start::Beginning.leaves_unread(from, end));
        assert!(!Start::AtTime(Timestamp::from_millis(1)).leaves_unread(from, end));
        assert!(Start::At(from).leaves_unread(from, end));
        assert!(Start::Beginning.leaves_unread(end, from));
        assert!(!Start::Beginning.leaves_unread(end, end));
    }
}
