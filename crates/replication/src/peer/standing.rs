//! How far a broker has come into a cluster, as its disk remembers it.

use std::fmt;
use std::io;

use model::{ClusterId, ReplicaId};

/// How far a broker's data directory has come into a cluster. It only ever moves on, but for a promise that gives way
/// to the membership of a cluster that exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It belongs to no cluster and has promised itself to none.
    #[default]
    Empty,
    /// It will be an initial member of this cluster, which may not exist yet.
    Promised(Promise),
    /// It is a member, for good.
    Member(Membership),
}

/// A promise: until it is a member, the broker promises itself to no other cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The cluster.
    pub cluster: ClusterId,
    /// How many brokers form it.
    pub initial_brokers: u32,
}

/// A membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The cluster.
    pub cluster: ClusterId,
    /// The replica that this data directory is.
    pub replica: ReplicaId,
    /// How many brokers formed the cluster, where this data directory was there: its replica is one of the first, and
    /// its state groups start with `Found`. `None` where it has joined later: they start with `Join`.
    pub initial_brokers: Option<u32>,
}

impl Standing {
    /// The cluster that it belongs to or is promised to.
    pub fn cluster(&self) -> Option<ClusterId> {
        match self {
            Self::Empty => None,
            Self::Promised(promise) => Some(promise.cluster),
            Self::Member(member) => Some(member.cluster),
        }
    }

    /// The membership, if there is one.
    pub fn member(&self) -> Option<Membership> {
        match self {
            Self::Member(member) => Some(*member),
            Self::Empty | Self::Promised(_) => None,
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("of no cluster"),
            Self::Promised(promise) => write!(f, "promised to cluster {}", promise.cluster),
            Self::Member(member) => write!(
                f,
                "a member of cluster {} as replica {}",
                member.cluster, member.replica
            ),
        }
    }
}

/// Where a broker's standing is kept: its identity file.
pub trait PromiseStore: Send {
    /// What is kept.
    ///
    /// # Errors
    /// It cannot be read.
    fn load(&mut self) -> io::Result<Standing>;

    /// Keeps another. It is durable when this returns: a promise that a power cut takes back can make two clusters of
    /// one. Blocks.
    ///
    /// # Errors
    /// It is not certain to be durable.
    fn keep(&mut self, standing: &Standing) -> io::Result<()>;
}
