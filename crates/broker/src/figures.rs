//! What a broker tells whoever collects metrics: counted when it is asked for, so that nobody pays for it between.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

use metadata::BrokerState;
use model::{BrokerId, Offset, PartitionIndex, TopicName};

use crate::Broker;
use crate::cluster::should_be_in_sync;
use crate::partitions::{LocalPartition, OpenTopic};

/// Counts one partition's records in and out. Added to by who serves them; relaxed, since nobody orders by it.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    produced_bytes: AtomicU64,
    produced_records: AtomicU64,
    fetched_bytes: AtomicU64,
    fetched_records: AtomicU64,
}

impl Traffic {
    pub(crate) fn produced(&self, records: u64, bytes: u64) {
        self.produced_records.fetch_add(records, Ordering::Relaxed);
        self.produced_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn fetched(&self, records: u64, bytes: u64) {
        self.fetched_records.fetch_add(records, Ordering::Relaxed);
        self.fetched_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What can be added up over partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// The bytes of acknowledged batches since this replica was opened.
    pub produced_bytes: u64,
    /// Their records.
    pub produced_records: u64,
    /// The bytes of batches that were handed out.
    pub fetched_bytes: u64,
    /// Their records, as far as offsets tell.
    pub fetched_records: u64,
    /// The bytes of the logs.
    pub log_bytes: u64,
    /// The offsets between their starts and their high watermarks.
    pub log_records: u64,
    /// Partitions with a replica here that is open.
    pub replicas: u64,
    /// Those that are led from here.
    pub leaders: u64,
    /// Those led from here of which a replica is not in sync.
    pub under_replicated: u64,
    /// Those of which the replica here knows no leader, or none that is there.
    pub leaderless: u64,
    /// Those whose replica here has stopped for good: a failed sync, or damage.
    pub stopped: u64,
}

/// One partition's replica here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionFigures {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// What can be added up.
    pub sums: Sums,
    /// The first offset there is.
    pub log_start: Offset,
    /// Behind the last record that may be read.
    pub high_watermark: Offset,
    /// Behind the last record that was written here.
    pub log_end: Offset,
    /// How many voters are in sync; `None` where this replica does not lead.
    pub in_sync: Option<u64>,
    /// How far each follower is behind, in entries, by its broker's number; empty where this replica does not lead.
    pub follower_lags: BTreeMap<BrokerId, u64>,
    /// How many elections this replica has seen decided since it was opened.
    pub elections: u64,
}

/// All of a broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerFigures {
    /// How many brokers belong to the cluster, whether they run or not; 0 until this one has joined.
    pub brokers: u64,
    /// How many topics the broker knows.
    pub topics: u64,
    /// Partitions with a replica here that could not be opened.
    pub failed: u64,
    /// Those of them that may have forgotten what they acknowledged before a power cut.
    pub in_doubt: u64,
    /// Partitions with a replica here that is open, by topic and number.
    pub partitions: Vec<PartitionFigures>,
}

impl BrokerFigures {
    /// Everything added up.
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for partition in &self.partitions {
            sums += partition.sums;
        }
        sums
    }

    /// Added up topic by topic.
    pub fn by_topic(&self) -> BTreeMap<&TopicName, Sums> {
        let mut topics = BTreeMap::<_, Sums>::new();
        for partition in &self.partitions {
            *topics.entry(&partition.topic).or_default() += partition.sums;
        }
        topics
    }

    /// How far each broker's worst follower of a leader here is behind, in entries.
    pub fn follower_lags(&self) -> BTreeMap<BrokerId, u64> {
        let mut worst = BTreeMap::new();
        for partition in &self.partitions {
            for (broker, lag) in &partition.follower_lags {
                let known = worst.entry(*broker).or_insert(0);
                *known = (*lag).max(*known);
            }
        }
        worst
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.produced_bytes += other.produced_bytes;
        self.produced_records += other.produced_records;
        self.fetched_bytes += other.fetched_bytes;
        self.fetched_records += other.fetched_records;
        self.log_bytes += other.log_bytes;
        self.log_records += other.log_records;
        self.replicas += other.replicas;
        self.leaders += other.leaders;
        self.under_replicated += other.under_replicated;
        self.leaderless += other.leaderless;
        self.stopped += other.stopped;
    }
}

impl Broker {
    /// Looks at every partition here: a few microseconds each. Does not block on the disk.
    pub fn figures(&self) -> BrokerFigures {
        let topics = self.partitions.topics();
        let slots = topics.values().flat_map(|topic| &topic.slots);
        let failed = slots.filter(|slot| slot.has_failed()).count();
        let open = self.partitions.open();
        BrokerFigures {
            brokers: self.brokers_there_should_be(),
            topics: topics.len() as u64,
            failed: failed as u64,
            in_doubt: self.partitions.in_doubt(),
            partitions: open
                .iter()
                .map(|(topic, local)| self.figures_of(topic, local))
                .collect(),
        }
    }

    fn brokers_there_should_be(&self) -> u64 {
        if self.joined().is_err() {
            return 0;
        }
        let stays = |known: &&metadata::Broker| known.state != BrokerState::Decommissioned;
        self.state(|state| state.brokers().filter(stays).count() as u64)
    }

    fn figures_of(&self, topic: &OpenTopic, local: &LocalPartition) -> PartitionFigures {
        let status = local.group.status();
        let leads = status.leader == Some(self.replica());
        let traffic = &local.traffic;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let wanted = topic.topic.partition(local.partition);
        let is_short =
            wanted.is_some_and(|wanted| status.in_sync.len() < should_be_in_sync(wanted));
        let sums = Sums {
            produced_bytes: count(&traffic.produced_bytes),
            produced_records: count(&traffic.produced_records),
            fetched_bytes: count(&traffic.fetched_bytes),
            fetched_records: count(&traffic.fetched_records),
            log_bytes: local.bytes(),
            log_records: status
                .high_watermark
                .get()
                .saturating_sub(status.log_start.get()),
            replicas: 1,
            leaders: u64::from(leads),
            under_replicated: u64::from(leads && is_short),
            leaderless: u64::from(!status.leader.is_some_and(|leader| self.hears(leader))),
            stopped: u64::from(status.stopped.is_some()),
        };
        local.note_elections(status.elections, &self.meters.leader_changes);
        let name = |replica| self.partitions.names.broker(replica);
        let followers = local.group.followers();
        let lags = followers
            .iter()
            .filter_map(|follower| Some((name(follower.replica)?, follower.lag)));
        PartitionFigures {
            topic: local.topic.clone(),
            partition: local.partition,
            sums,
            log_start: status.log_start,
            high_watermark: status.high_watermark,
            log_end: status.log_end,
            in_sync: leads.then_some(status.in_sync.len() as u64),
            follower_lags: lags.collect(),
            elections: status.elections,
        }
    }
}
