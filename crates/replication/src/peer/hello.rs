//! What brokers say when they meet, and who is refused.

use model::{BrokerId, DiskEpoch, DiskId};

use super::{PeerSettings, Standing};

/// The version of what is spoken between brokers.
pub(super) const PROTOCOL: u32 = 1;

/// What a broker says of itself, first on every stream, in both directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The version that it speaks.
    pub protocol: u32,
    /// Its cluster's name.
    pub cluster_name: String,
    /// Its number.
    pub broker: BrokerId,
    /// Its data directory.
    pub disk: DiskId,
    /// How often a broker has started on that directory.
    pub start_counter: u64,
    /// Which of the starts that the cluster registers this is.
    pub epoch: DiskEpoch,
    /// How far it has come into a cluster.
    pub standing: Standing,
    /// How many brokers form the cluster, by its settings.
    pub initial_brokers: u32,
    /// `host:port` for brokers.
    pub advertised_peer: String,
    /// `host:port` for clients.
    pub advertised_grpc: String,
}

/// Judges peers by what the cluster's metadata knows of them: a disk that is an older copy, a disk that was replaced.
/// Asked for every peer that is a member, in both directions, whenever one connects.
pub trait PeerPolicy: Send + Sync + 'static {
    /// Whether the peer may talk to this broker.
    ///
    /// # Errors
    /// Why not, and what can be done about it, as a sentence for both operators.
    fn judge(&self, peer: &Hello) -> Result<(), String>;
}

impl Hello {
    /// What this broker says.
    pub(super) fn of(settings: &PeerSettings, standing: Standing) -> Self {
        Self {
            protocol: PROTOCOL,
            cluster_name: settings.cluster_name.clone(),
            broker: settings.broker,
            disk: settings.disk,
            start_counter: settings.start_counter,
            epoch: settings.epoch,
            standing,
            initial_brokers: settings.initial_brokers,
            advertised_peer: settings.advertised_peer.clone(),
            advertised_grpc: settings.advertised_grpc.clone(),
        }
    }

    /// Whether it is said by this very process, reached under one of its own addresses.
    pub(super) fn is_same_process(&self, other: &Self) -> bool {
        self.broker == other.broker
            && self.disk == other.disk
            && self.start_counter == other.start_counter
            && self.epoch == other.epoch
    }

    /// Whether two brokers may talk; both sides come to the same end.
    ///
    /// # Errors
    /// Why not, naming both, and what can be done about it.
    pub(super) fn agree(&self, peer: &Self) -> Result<(), String> {
        let (a, b) = (self.name(), peer.name());
        if self.protocol != peer.protocol {
            return Err(format!(
                "{a} speaks version {} of the protocol between brokers, {b} version {}; run the same version on both",
                self.protocol, peer.protocol
            ));
        }
        if self.cluster_name != peer.cluster_name {
            return Err(format!(
                "{a} belongs to cluster name `{}`, {b} to `{}`; correct the peer addresses, or the cluster name",
                self.cluster_name, peer.cluster_name
            ));
        }
        if self.broker == peer.broker {
            return Err(format!(
                "{a} on disk {} and {b} on disk {} have the same number; give each broker its own",
                self.disk, peer.disk
            ));
        }
        if self.disk == peer.disk {
            return Err(format!(
                "{a} and {b} run on the same disk id {}: one is a copy of the other's data directory; empty the copy",
                self.disk
            ));
        }
        if let (Some(ours), Some(theirs)) = (self.standing.member(), peer.standing.member()) {
            if ours.cluster != theirs.cluster {
                return Err(format!(
                    "{a} is a member of cluster {}, {b} of cluster {}; correct the peer addresses, or empty the data \
                     directory of the one that is to join",
                    ours.cluster, theirs.cluster
                ));
            }
            if ours.replica == theirs.replica {
                return Err(format!(
                    "{a} and {b} both say that they are replica {}; empty the data directory of the wrong one",
                    ours.replica
                ));
            }
        }
        Ok(())
    }

    /// For a refusal.
    fn name(&self) -> String {
        format!("broker {} ({})", self.broker, self.advertised_peer)
    }
}

#[cfg(test)]
mod tests {
    use model::{ClusterId, ReplicaId};

    use super::super::Membership;
    use super::*;

    fn hello(broker: u32) -> Hello {
        Hello {
            protocol: PROTOCOL,
            cluster_name: "sea".to_owned(),
            broker: BrokerId::new(broker),
            disk: DiskId::from_bytes([broker as u8; 16]),
            start_counter: 1,
            epoch: DiskEpoch::default(),
            standing: Standing::Empty,
            initial_brokers: 3,
            advertised_peer: format!("host-{broker}:7701"),
            advertised_grpc: String::new(),
        }
    }

    fn member(broker: u32, cluster: u8, replica: u64) -> Hello {
        Hello {
            standing: Standing::Member(Membership {
                cluster: ClusterId::from_bytes([cluster; 16]),
                replica: ReplicaId::new(replica),
                initial_brokers: None,
            }),
            ..hello(broker)
        }
    }

    #[test]
    fn brokers_of_one_cluster_and_those_that_want_to_be_agree() {
        assert_eq!(hello(0).agree(&hello(1)), Ok(()));
        assert_eq!(member(0, 1, 0).agree(&hello(1)), Ok(()));
        assert_eq!(member(0, 1, 0).agree(&member(1, 1, 1)), Ok(()));
    }

    #[test]
    fn a_refusal_names_both_and_comes_to_the_same_end_on_both_sides() {
        let strangers = [
            Hello {
                cluster_name: "lake".to_owned(),
                ..hello(1)
            },
            Hello {
                protocol: PROTOCOL + 1,
                ..hello(1)
            },
            Hello {
                disk: DiskId::from_bytes([9; 16]),
                ..hello(0)
            },
            Hello {
                disk: hello(0).disk,
                ..hello(1)
            },
            member(1, 2, 1),
            member(1, 1, 0),
        ];
        let me = member(0, 1, 0);
        for stranger in strangers {
            let reason = me.agree(&stranger).unwrap_err();
            assert!(stranger.agree(&me).is_err(), "{reason}");
            for name in ["broker 0 (host-0:7701)", &stranger.name()] {
                assert!(reason.contains(name), "{reason}");
            }
        }
    }
}
