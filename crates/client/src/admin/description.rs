//! What brokers say of topics.

use model::{BrokerId, Offset, PartitionIndex};
use rpc::v1;

use crate::refusal::Refusal;
use crate::wire::{self, Problem};

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// The id of this incarnation; empty where it was only checked.
    pub id: String,
    /// How many replicas each partition was placed on.
    pub replication_factor: u32,
    /// The partitions, in order.
    pub partitions: Vec<PartitionDescription>,
    /// Every config, set or not; empty in lists.
    pub configs: Vec<ConfigDescription>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDescription {
    /// Which one.
    pub partition: PartitionIndex,
    /// Who leads, if anybody does.
    pub leader: Option<BrokerId>,
    /// Who holds a replica.
    pub replicas: Vec<BrokerId>,
    /// Who of them is in sync.
    pub in_sync: Vec<BrokerId>,
    /// The first offset there is.
    pub log_start: Offset,
    /// The offset behind the last record that may be read.
    pub high_watermark: Offset,
    /// The leader's term.
    pub leader_epoch: u64,
    /// Who comes in a move that is under way; among `replicas`.
    pub adding: Vec<BrokerId>,
    /// Who goes in it; not among `replicas`.
    pub removing: Vec<BrokerId>,
    /// How often the replicas were assigned anew.
    pub epoch: u64,
    /// Bytes on the answering broker's disk.
    pub bytes: u64,
    /// Why it does not serve, where it does not.
    pub problem: Option<Refusal>,
    /// The replicas that may have forgotten, or have lost, what they acknowledged before a power cut.
    pub doubts: Vec<ReplicaDoubt>,
}

/// A replica whose partition was on `page-cache` in a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaDoubt {
    /// Its broker.
    pub broker: BrokerId,
    /// What has become of it.
    pub state: DoubtState,
    /// The run of its data directory at which that arose.
    pub since: u64,
}

/// What has become of a replica in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoubtState {
    /// It takes no part until a leader has given back what it may have forgotten.
    Open,
    /// The loss is accepted: it starts with what is left, unless a leader comes first.
    Accepted,
    /// It has started so: acknowledged records may be lost.
    Lost,
}

impl DoubtState {
    /// The state in a word, for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "in-doubt",
            Self::Accepted => "loss-accepted",
            Self::Lost => "lost",
        }
    }
}

/// A config of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigDescription {
    /// Its name.
    pub name: String,
    /// Its value: the topic's, or the default.
    pub value: String,
    /// Whether the topic sets it.
    pub is_set: bool,
    /// What it does not do here; empty where it does what it says.
    pub note: String,
}

impl TopicDescription {
    pub(super) fn read(info: v1::TopicInfo) -> Result<Self, Problem> {
        let configs = info.configs.into_iter().map(|config| ConfigDescription {
            name: config.name,
            value: config.value,
            is_set: config.is_set,
            note: config.note,
        });
        Ok(Self {
            name: info.name,
            id: info.id,
            replication_factor: u32::try_from(info.replication_factor)
                .map_err(|_| format!("replication_factor is {}", info.replication_factor))?,
            partitions: info
                .partitions
                .into_iter()
                .map(PartitionDescription::read)
                .collect::<Result<_, _>>()?,
            configs: configs.collect(),
        })
    }

    /// The value of a config, if the broker told it.
    pub fn config(&self, name: &str) -> Option<&str> {
        self.configs
            .iter()
            .find(|config| config.name == name)
            .map(|config| config.value.as_str())
    }
}

impl PartitionDescription {
    fn read(info: v1::PartitionInfo) -> Result<Self, Problem> {
        let brokers = wire::brokers;
        Ok(Self {
            partition: wire::partition(info.partition)?,
            leader: info.leader.map(wire::broker).transpose()?,
            replicas: brokers(info.replicas)?,
            in_sync: brokers(info.in_sync)?,
            log_start: wire::offset("log_start", info.log_start)?,
            high_watermark: wire::offset("high_watermark", info.high_watermark)?,
            leader_epoch: wire::count("leader_epoch", info.leader_epoch)?,
            adding: brokers(info.adding)?,
            removing: brokers(info.removing)?,
            epoch: wire::count("epoch", info.epoch)?,
            bytes: wire::count("bytes", info.bytes)?,
            problem: info.error.map(Refusal::from),
            doubts: info
                .doubts
                .into_iter()
                .map(ReplicaDoubt::read)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl ReplicaDoubt {
    fn read(info: v1::ReplicaDoubt) -> Result<Self, Problem> {
        Ok(Self {
            broker: wire::broker(info.broker)?,
            // What a newer broker says is at least a doubt.
            state: match info.state() {
                v1::DoubtState::Accepted => DoubtState::Accepted,
                v1::DoubtState::Lost => DoubtState::Lost,
                v1::DoubtState::Open | v1::DoubtState::Unspecified => DoubtState::Open,
            },
            since: wire::count("since", info.since)?,
        })
    }
}
