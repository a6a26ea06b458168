//! A partition that is open here.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use metadata::TopicConfig;
use metrics::Counter;
use model::{Durability, Offset, PartitionIndex, ReplicaId, TopicName};
use parking_lot::Mutex;
use replication::{GroupStatus, LogGroup, LogSettings, ReadIndexError};

use super::ReplicaNames;
use crate::PartitionError;
use crate::budget::ByteBudget;
use crate::figures::Traffic;

/// An open partition.
pub(crate) struct LocalPartition {
    pub(crate) topic: TopicName,
    pub(crate) partition: PartitionIndex,
    pub(crate) group: LogGroup,
    here: ReplicaId,
    names: ReplicaNames,
    /// Behind the last record that was durable when the partition was opened.
    pub(crate) durable_at_start: Offset,
    /// For batches that are proposed and not yet answered: who finds none left waits here, so that the group need
    /// not refuse.
    pub(crate) room: ByteBudget,
    /// What went in and out, for metrics.
    pub(crate) traffic: Traffic,
    /// Whether an append may be acknowledged before it is synced.
    is_page_cache: AtomicBool,
    /// How many elections were counted.
    elections: AtomicU64,
    /// What holds its move up, for people.
    moving_problem: Mutex<Option<String>>,
}

impl LocalPartition {
    pub(crate) fn new(
        topic: TopicName,
        partition: PartitionIndex,
        group: LogGroup,
        (here, names): (ReplicaId, ReplicaNames),
        room: ByteBudget,
        durability: Durability,
    ) -> Self {
        let durable_at_start = group.log().ends().durable_offset;
        Self {
            topic,
            partition,
            group,
            here,
            names,
            durable_at_start,
            room,
            traffic: Traffic::default(),
            elections: AtomicU64::default(),
            is_page_cache: AtomicBool::new(durability == Durability::PageCache),
            moving_problem: Mutex::default(),
        }
    }

    /// Orders partitions for those who list them.
    pub(crate) fn place(&self) -> (&TopicName, PartitionIndex) {
        (&self.topic, self.partition)
    }

    /// The weakest durability that an append on its way may get.
    pub(crate) fn durability(&self) -> Durability {
        if self.is_page_cache.load(Ordering::Acquire) {
            Durability::PageCache
        } else {
            Durability::Fsync
        }
    }

    /// Puts a topic's configs into force.
    pub(crate) fn configure(&self, config: &TopicConfig) {
        // The weaker promise is made known first and taken back last, so that no append is reported as safer
        // than it is.
        if config.durability == Durability::PageCache {
            self.is_page_cache.store(true, Ordering::Release);
        }
        let current = self.group.log().settings();
        self.group
            .log()
            .update_settings(log_settings(current, config));
        if config.durability == Durability::Fsync {
            self.is_page_cache.store(false, Ordering::Release);
        }
    }

    /// Whether this replica may answer clients.
    pub(crate) fn check_serves(&self) -> Result<(), PartitionError> {
        if self.group.serves() {
            return Ok(());
        }
        Err(match self.group.stopped() {
            Some(reason) => self.stopped(&reason),
            None => self.not_leader(self.group.leader().0),
        })
    }

    /// The group's status, where this replica may answer clients.
    pub(crate) fn serving(&self) -> Result<GroupStatus, PartitionError> {
        self.check_serves()?;
        Ok(self.group.status())
    }

    /// What holds its move up, for people.
    pub(crate) fn moving_problem(&self) -> Option<String> {
        self.moving_problem.lock().clone()
    }

    pub(crate) fn stopped(&self, reason: &str) -> PartitionError {
        PartitionError::Stopped {
            topic: self.topic.clone(),
            partition: self.partition,
            reason: reason.to_owned(),
        }
    }

    /// That another replica leads, or none. This one is no hint: it may lead, and does not serve yet.
    pub(crate) fn not_leader(&self, leader: Option<ReplicaId>) -> PartitionError {
        let other = leader.filter(|leader| *leader != self.here);
        PartitionError::NotLeader {
            topic: self.topic.clone(),
            partition: self.partition,
            leader: other.and_then(|leader| self.names.broker(leader)),
        }
    }

    /// That no quorum of the replicas answers.
    pub(crate) fn no_quorum(&self) -> PartitionError {
        PartitionError::NoQuorum {
            topic: self.topic.clone(),
            partition: self.partition,
        }
    }

    /// Why this replica could not be confirmed as the leader.
    pub(crate) fn unconfirmed(&self, error: ReadIndexError) -> PartitionError {
        match error {
            ReadIndexError::NotLeader { leader } => self.not_leader(leader),
            ReadIndexError::Stopped { reason } => self.stopped(&reason),
            ReadIndexError::NoQuorum { .. } => self.no_quorum(),
        }
    }

    /// Counts the elections that were not counted yet.
    pub(crate) fn note_elections(&self, seen: u64, counter: &Counter) {
        let counted = self.elections.fetch_max(seen, Ordering::Relaxed);
        counter.increment(seen.saturating_sub(counted));
    }

    /// Notes what holds its move up.
    pub(crate) fn set_moving_problem(&self, problem: Option<String>) {
        *self.moving_problem.lock() = problem;
    }

    /// The bytes of the log's batches on disk.
    pub(crate) fn bytes(&self) -> u64 {
        let segments = self.group.log().segments();
        segments.iter().map(|segment| segment.bytes).sum()
    }
}

impl fmt::Debug for LocalPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalPartition({}/{})", self.topic, self.partition)
    }
}

/// What a topic's configs mean for its logs; what they do not say stays as it is.
pub(crate) fn log_settings(current: LogSettings, config: &TopicConfig) -> LogSettings {
    LogSettings {
        segment_bytes: config.segment_bytes,
        segment_age: Some(config.segment_age),
        index_interval_bytes: config.index_interval_bytes,
        durability: config.durability,
        ..current
    }
}
