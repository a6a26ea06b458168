//! The seam to what brokers tell each other beside Raft: who leads what, who is there, how much each bears.

use std::collections::HashSet;

use model::{BrokerId, ReplicaId, Term, TopicId};
use replication::peer::GroupId;

/// What is known of other brokers by hearsay. It may be old; only a group's own leader is certain.
pub trait Neighbours: Send + Sync + 'static {
    /// Who leads a group, as its leader told last; `None` where nobody has told, or the one who has is gone.
    fn leader(&self, group: GroupId) -> Option<LeaderView>;

    /// Whether a broker is heard of. This one always is.
    fn is_reachable(&self, broker: BrokerId) -> bool;

    /// What a broker bears, as it told last.
    fn load(&self, broker: BrokerId) -> Option<BrokerLoad>;

    /// Tells the others what this broker bears.
    fn tell_load(&self, load: BrokerLoad);

    /// Tells the others what this broker leads, all of it.
    fn tell_leaderships(&self, leads: Vec<(GroupId, LeaderView)>);

    /// A group is no more, whoever told of it.
    fn forget(&self, group: GroupId);

    /// These topics exist. What was told of others long ago is forgotten: it came after they were deleted.
    fn forget_all_but(&self, _topics: &HashSet<TopicId>) {}

    /// Which brokers there are now, and where: what the connections follow.
    fn brokers_changed(&self, brokers: Vec<BrokerAddress>);

    /// The replicas of the other brokers that can be reached, as they say themselves: known before the metadata is.
    fn replicas(&self) -> Vec<ReplicaId> {
        Vec::new()
    }
}

/// Who leads a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderView {
    /// The leader.
    pub leader: ReplicaId,
    /// Its term.
    pub term: Term,
    /// The voters that keep up, the leader among them.
    pub in_sync: Vec<ReplicaId>,
}

/// What a broker bears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrokerLoad {
    /// The bytes of all its logs.
    pub disk_bytes: u64,
    /// How many partitions have a replica there.
    pub replicas: u64,
    /// How many of them lead.
    pub leaders: u64,
    /// Whether it hands its leaderships on, because it drains or stops.
    pub is_leaving: bool,
}

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerAddress {
    /// The broker.
    pub broker: BrokerId,
    /// The replica that it is.
    pub replica: ReplicaId,
    /// Where other brokers reach it: `host:port`.
    pub peer_address: String,
    /// Whether it has left for good and holds nothing any more.
    pub has_left: bool,
}

/// Nobody is near: for a broker alone.
#[derive(Clone, Copy, Debug)]
pub struct NoNeighbours {
    /// The only broker there is.
    pub broker: BrokerId,
}

impl Neighbours for NoNeighbours {
    fn leader(&self, _group: GroupId) -> Option<LeaderView> {
        None
    }

    fn is_reachable(&self, broker: BrokerId) -> bool {
        broker == self.broker
    }

    fn load(&self, _broker: BrokerId) -> Option<BrokerLoad> {
        None
    }

    fn tell_load(&self, _load: BrokerLoad) {}

    fn tell_leaderships(&self, _leads: Vec<(GroupId, LeaderView)>) {}

    fn forget(&self, _group: GroupId) {}

    fn brokers_changed(&self, _brokers: Vec<BrokerAddress>) {}
}
