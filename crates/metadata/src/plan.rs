//! Builds commands from what a user asks for, on the proposer's own copy of the state: names become
//! ids, partitions are placed, and most mistakes are refused before anything is proposed. The state may
//! change before the command is applied, so `apply` checks again.

mod accept_loss;
mod reassignment;
mod rebalance;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::{BrokerId, PartitionIndex, TopicId, TopicName};

use crate::broker::Broker;
use crate::command::{AddPartitions, Command, CreateTopic};
use crate::config::TopicConfig;
use crate::placement::place;
use crate::refusal::Refusal;
use crate::replication_factor::ReplicationFactor;
use crate::state::ClusterState;
use crate::topic::Placement;

/// The replicas of a topic that does not say how many, where there are brokers enough.
pub const REPLICATION_FACTOR_DEFAULT: u16 = 3;

/// A topic as a user asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions it has.
    pub partitions: u32,
    /// How many replicas each has; `None` = 3, or the number of brokers if that is smaller.
    pub replication_factor: Option<u16>,
    /// The configs it overrides.
    pub configs: BTreeMap<String, String>,
}

/// The command that creates a topic, and what its user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlan {
    /// Propose this.
    pub command: Command,
    /// Tell the user this.
    pub warning: Option<TopicWarning>,
}

/// What a user may not expect of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicWarning {
    /// Two replicas: both are needed, so the topic survives no failure.
    SurvivesNoFailure,
}

impl TopicWarning {
    /// What is to be said of so many replicas. One is a choice that everybody understands; two look safer than they are.
    pub const fn of_replicas(replicas: usize) -> Option<Self> {
        match replicas {
            2 => Some(Self::SurvivesNoFailure),
            _ => None,
        }
    }
}

impl fmt::Display for TopicWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SurvivesNoFailure => f.write_str(
                "2 replicas survive no failure: their quorum is 2; use 3 to survive one",
            ),
        }
    }
}

impl ClusterState {
    /// Places a new topic under the id drawn for it.
    ///
    /// # Errors
    /// The [`Refusal`] that the command would meet.
    pub fn plan_topic(&self, id: TopicId, wanted: &NewTopic) -> Result<TopicPlan, Refusal> {
        self.plan_topic_avoiding(id, wanted, &BTreeSet::new())
    }

    /// As [`ClusterState::plan_topic`], on the brokers of `avoid` only where there are not enough others.
    ///
    /// # Errors
    /// The [`Refusal`] that the command would meet.
    pub fn plan_topic_avoiding(
        &self,
        id: TopicId,
        wanted: &NewTopic,
        avoid: &BTreeSet<BrokerId>,
    ) -> Result<TopicPlan, Refusal> {
        let formed = self.formed()?;
        self.check_new_topic(formed, &wanted.name, u64::from(wanted.partitions))?;
        let replication_factor = self.resolve_replication_factor(wanted.replication_factor)?;
        TopicConfig::from_overrides(&wanted.configs)?.check_quorum(replication_factor)?;
        let command = CreateTopic {
            id,
            name: wanted.name.clone(),
            replication_factor,
            partitions: self.place_all(wanted.partitions, replication_factor, avoid)?,
            configs: wanted.configs.clone(),
        };
        Ok(TopicPlan {
            command: Command::CreateTopic(command),
            warning: TopicWarning::of_replicas(usize::from(replication_factor.get())),
        })
    }

    /// Places the partitions that a topic lacks to have `total` of them.
    ///
    /// # Errors
    /// The [`Refusal`] that the command would meet.
    pub fn plan_partitions(&self, name: &TopicName, total: u32) -> Result<Command, Refusal> {
        self.plan_partitions_avoiding(name, total, &BTreeSet::new())
    }

    /// As [`ClusterState::plan_partitions`], on the brokers of `avoid` only where there are not enough others.
    ///
    /// # Errors
    /// The [`Refusal`] that the command would meet.
    pub fn plan_partitions_avoiding(
        &self,
        name: &TopicName,
        total: u32,
        avoid: &BTreeSet<BrokerId>,
    ) -> Result<Command, Refusal> {
        let formed = self.formed()?;
        let topic = self.require_topic(name)?;
        let have = topic.partition_count();
        let added = match total.checked_sub(have) {
            None | Some(0) => {
                return Err(Refusal::PartitionsMayOnlyGrow {
                    have,
                    wanted: total,
                });
            }
            Some(added) => added,
        };
        self.check_partition_count(formed, u64::from(have), u64::from(added))?;
        Ok(Command::AddPartitions(AddPartitions {
            topic: topic.id(),
            first: PartitionIndex::new(have),
            partitions: self.place_all(added, topic.replication_factor(), avoid)?,
        }))
    }

    /// Deletes the topic that has this name now.
    ///
    /// # Errors
    /// [`Refusal::UnknownTopic`].
    pub fn plan_deletion(&self, name: &TopicName) -> Result<Command, Refusal> {
        Ok(Command::DeleteTopic(self.require_topic(name)?.id()))
    }

    fn resolve_replication_factor(
        &self,
        wanted: Option<u16>,
    ) -> Result<ReplicationFactor, Refusal> {
        let stays = |broker: &&Broker| !broker.state.is_leaving();
        let brokers = self.brokers().filter(stays).count() as u64;
        let default = u16::try_from(brokers).map_or(REPLICATION_FACTOR_DEFAULT, |brokers| {
            brokers.clamp(1, REPLICATION_FACTOR_DEFAULT)
        });
        let factor = ReplicationFactor::new(wanted.unwrap_or(default))
            .ok_or(Refusal::NoReplicas { brokers })?;
        self.check_replication_factor(factor)?;
        Ok(factor)
    }

    fn place_all(
        &self,
        partitions: u32,
        replication_factor: ReplicationFactor,
        avoid: &BTreeSet<BrokerId>,
    ) -> Result<Vec<Placement>, Refusal> {
        let candidates = self.placement_candidates(avoid);
        let brokers = candidates.len() as u64;
        place(candidates, partitions, replication_factor).ok_or(
            Refusal::ReplicationFactorTooLarge {
                wanted: u64::from(replication_factor.get()),
                brokers,
            },
        )
    }
}

#[cfg(test)]
mod tests;
