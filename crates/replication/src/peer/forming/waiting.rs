//! What a broker waits for, by name, and what can be done about it.

use model::BrokerId;

use super::{FOUNDER, Forming, PeerView};
use crate::peer::Standing;

impl Forming {
    /// What this broker waits for; empty once it is a member.
    pub fn waits_for(&self) -> Vec<String> {
        if self.done {
            return Vec::new();
        }
        let mut reasons: Vec<_> = self.refused.iter().cloned().collect();
        if let Some((through, cluster)) = self.members().next() {
            reasons.push(format!(
                "cluster {cluster} exists (broker {through} is a member of it): waiting for a replica id from it, \
                 for which a quorum of its metadata must be up"
            ));
            return reasons;
        }
        if self.me.broker != FOUNDER && self.is_initial(self.me.broker) {
            reasons.extend(self.of_founder());
        } else if self.me.broker != FOUNDER {
            reasons.push(format!(
                "broker {} is not one of the first {} and can only join: waiting for any member of the cluster",
                self.me.broker, self.me.initial_brokers
            ));
        }
        if self.me.broker == FOUNDER {
            let others = self.others();
            reasons.extend(others.filter_map(|(broker, view)| self.of_other(broker, view)));
        }
        reasons
    }

    /// What a broker that does not found waits for.
    fn of_founder(&self) -> Option<String> {
        match (self.peers.get(&FOUNDER), self.me.standing) {
            (None, Standing::Promised(promise)) => Some(format!(
                "broker 0, which is to found cluster {}, has not been heard of; if its disk is lost and no broker was \
                 ever a member, empty the data directories of all and start again",
                promise.cluster
            )),
            (None, _) => Some(
                "broker 0, which founds the cluster, has not been heard of; it must run and be reachable at one of \
                 the peer addresses"
                    .to_owned(),
            ),
            (Some(view), _) => self
                .of_other(FOUNDER, Some(view))
                .or_else(|| Some("broker 0, which waits for the other initial brokers".to_owned())),
        }
    }

    /// What stands against forming a cluster with another initial broker at this moment.
    fn of_other(&self, broker: BrokerId, view: Option<&PeerView>) -> Option<String> {
        let Some(view) = view else {
            return Some(format!(
                "broker {broker} has not been heard of; it must run and be reachable at one of the peer addresses"
            ));
        };
        if view.initial_brokers != self.me.initial_brokers {
            return Some(format!(
                "broker {broker} is set to form a cluster of {} brokers, this one of {}; set the same number of \
                 initial brokers (or list the same peers) on all",
                view.initial_brokers, self.me.initial_brokers
            ));
        }
        let Some(theirs) = view.standing.cluster() else {
            let asked = matches!(self.me.standing, Standing::Promised(_));
            return (asked && self.me.broker == FOUNDER)
                .then(|| format!("broker {broker} has not promised itself yet"));
        };
        match self.me.standing.cluster() {
            Some(ours) if ours == theirs => {
                let answered = view.answered == Some(self.current_round());
                (self.me.broker == FOUNDER && !answered)
                    .then(|| format!("broker {broker} has not confirmed its promise yet"))
            }
            Some(ours) => Some(format!(
                "broker {broker} is promised to cluster {theirs}, broker {} to cluster {ours}: one of them comes from \
                 another attempt; if neither cluster was ever in use, empty the data directory of broker {broker}",
                self.me.broker
            )),
            None => Some(format!(
                "broker {broker} is promised to cluster {theirs}, of which broker {} knows nothing; if that cluster \
                 was never in use, empty the data directory of broker {broker}",
                self.me.broker
            )),
        }
    }
}
