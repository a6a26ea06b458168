//! Gives the cluster its identity, and changes its limits.

use crate::command::FormCluster;
use crate::limits::Limits;
use crate::outcome::{Answer, Effect, Outcome};
use crate::refusal::Refusal;
use crate::state::{ClusterState, Formed};

impl ClusterState {
    pub(super) fn form_cluster(&mut self, command: &FormCluster) -> Result<Outcome, Refusal> {
        let answer = Answer::ClusterFormed {
            cluster: command.cluster,
        };
        if let Some(formed) = self.formed {
            if formed.cluster == command.cluster {
                return Ok(Outcome::unchanged(answer));
            }
            return Err(Refusal::OtherCluster {
                ours: formed.cluster,
                theirs: command.cluster,
            });
        }
        check_limits(&command.limits)?;
        if !(1..=command.limits.brokers).contains(&command.initial_brokers) {
            return Err(Refusal::BadInitialBrokers {
                wanted: command.initial_brokers,
                limit: command.limits.brokers,
            });
        }
        self.formed = Some(Formed {
            cluster: command.cluster,
            initial_brokers: command.initial_brokers,
            limits: command.limits,
        });
        // 0..N-1 are set aside for the first disks, whichever of them comes first.
        self.next_replica = u64::from(command.initial_brokers);
        Ok(Outcome::changed(answer, Effect::ClusterFormed))
    }

    /// Limits may fall below what exists: then nothing more fits, and nothing is taken away.
    pub(super) fn set_limits(&mut self, limits: Limits) -> Result<Outcome, Refusal> {
        let formed = self.formed()?;
        check_limits(&limits)?;
        self.formed = Some(Formed { limits, ..formed });
        Ok(Outcome::unchanged(Answer::LimitsSet))
    }
}

fn check_limits(limits: &Limits) -> Result<(), Refusal> {
    match limits.out_of_bounds() {
        Some((name, wanted, ceiling)) => Err(Refusal::LimitOutOfBounds {
            name: name.to_owned(),
            wanted,
            ceiling,
        }),
        None => Ok(()),
    }
}
