//! Waiting for moves. Whoever answers may not have heard of them yet: they are done where a description says so, not
//! where nothing is known of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use client::{LeaderMove, Move, MoveState, PartitionDescription, TopicDescription};
use model::PartitionIndex;
use tokio::time::Instant;

use super::stuck::{Watch, unreachable, why};
use crate::failure::Failure;
use crate::session::Session;
use crate::waiting::{Step, WaitArgs, until_done};

/// A topic that is unknown for so long was deleted.
const GONE_AFTER: Duration = Duration::from_secs(3);

/// Waits until moves are done that were decided before.
pub(crate) async fn wait_for_moves(
    args: &WaitArgs,
    session: &Session,
    decided: &[Move],
) -> Result<(), Failure> {
    if decided.is_empty() {
        return Ok(());
    }
    let (mut watch, mut topics) = (Watch::default(), Topics::default());
    let names = names(decided.iter().map(|one| &one.topic));
    let ours: BTreeSet<_> = decided
        .iter()
        .map(|one| (&one.topic, one.partition))
        .collect();
    let ask = async || {
        let admin = session.admin();
        let under_way = admin.list_moves(None).await?;
        let is_ours = |other: &&Move| {
            other.state != MoveState::Done && ours.contains(&(&other.topic, other.partition))
        };
        let shown: Vec<_> = under_way.iter().filter(is_ours).collect();
        let mut left = shown.len();
        if left == 0 {
            // All are done, or this broker has not heard of them yet.
            topics.look(admin.find_topics(names.clone()).await?);
            left = decided
                .iter()
                .filter(|one| !topics.has_settled(one))
                .count();
        }
        let note = match watch.stuck_move(&shown, Instant::now()) {
            Some(stuck) => why(stuck, &admin.list_brokers().await?),
            None => how_far(&shown),
        };
        Ok(step(decided.len(), left, note))
    };
    until_done(args, session, "moves done", ask).await
}

/// Waits until leaderships are where they are to be.
pub(super) async fn wait_for_leaders(
    args: &WaitArgs,
    session: &Session,
    decided: &[LeaderMove],
) -> Result<(), Failure> {
    if decided.is_empty() {
        return Ok(());
    }
    let (mut watch, mut topics) = (Watch::default(), Topics::default());
    let names = names(decided.iter().map(|one| &one.topic));
    let ask = async || {
        let admin = session.admin();
        topics.look(admin.find_topics(names.clone()).await?);
        let left: Vec<_> = decided.iter().filter(|one| !topics.is_led(one)).collect();
        let is_stuck = watch.is_count_stuck("leaders", left.len() as u64, Instant::now());
        let note = match left.first() {
            Some(one) if is_stuck => {
                let gone = unreachable(&admin.list_brokers().await?, |id| id == one.to);
                let gone = gone.map(|gone| format!(": {gone}")).unwrap_or_default();
                let (topic, partition, to) = (&one.topic, one.partition, one.to);
                format!(
                    "{topic}-{partition} goes to broker {to} once that has been in sync for a while{gone}"
                )
            }
            _ => String::new(),
        };
        Ok(step(decided.len(), left.len(), note))
    };
    until_done(args, session, "leaderships moved", ask).await
}

fn names<'a>(topics: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut names: Vec<_> = topics.cloned().collect();
    names.sort();
    names.dedup();
    names
}

/// How far moves are that get on.
pub(super) fn how_far(moves: &[&Move]) -> String {
    let catching_up: u64 = moves.iter().filter_map(|under_way| under_way.lag).sum();
    let problem = moves.iter().find(|under_way| !under_way.problem.is_empty());
    match problem {
        Some(one) => format!("{}-{}: {}", one.topic, one.partition, one.problem),
        None if catching_up > 0 => format!("{catching_up} batches to catch up"),
        None => String::new(),
    }
}

fn step(total: usize, left: usize, note: String) -> Step {
    Step {
        done: total.saturating_sub(left) as u64,
        total: total as u64,
        note,
        is_over: left == 0,
    }
}

/// Topics as they were described last.
#[derive(Default)]
struct Topics {
    described: Vec<TopicDescription>,
    /// Since when a topic has been unknown.
    unknown: BTreeMap<String, Instant>,
}

impl Topics {
    fn look(&mut self, described: Vec<TopicDescription>) {
        for topic in &described {
            self.unknown.remove(&topic.name);
        }
        self.described = described;
    }

    /// Whether a move is done, or the topic was deleted since.
    fn has_settled(&mut self, one: &Move) -> bool {
        match self.partition(&one.topic, one.partition) {
            Some(shown) => {
                shown.epoch >= one.epoch && shown.adding.is_empty() && shown.removing.is_empty()
            }
            None => self.is_gone(&one.topic),
        }
    }

    /// Whether the one leads that is to, or another is to by now, or the topic was deleted since.
    fn is_led(&mut self, one: &LeaderMove) -> bool {
        match self.partition(&one.topic, one.partition) {
            Some(shown) => {
                let is_preferred = shown.replicas.first() == Some(&one.to);
                shown.epoch >= one.epoch && (shown.leader == Some(one.to) || !is_preferred)
            }
            None => self.is_gone(&one.topic),
        }
    }

    fn partition(&self, topic: &str, partition: PartitionIndex) -> Option<&PartitionDescription> {
        let topic = self.described.iter().find(|known| known.name == topic)?;
        let mut partitions = topic.partitions.iter();
        partitions.find(|known| known.partition == partition)
    }

    fn is_gone(&mut self, topic: &str) -> bool {
        let now = Instant::now();
        let since = *self.unknown.entry(topic.to_owned()).or_insert(now);
        now.duration_since(since) >= GONE_AFTER
    }
}
