//! Who should lead: each leader decides for its own groups, and hands them on.
//!
//! Leadership drifts back to the replica that is preferred, once that has been in sync for a while, a few at a time.
//! A broker that drains, leaves for good, or shuts down hands on all it can, spread over those in sync.

mod decide;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use model::{PartitionIndex, ReplicaId, TopicId};
use replication::process::chance;
use tokio::time::Instant;

use crate::Broker;
use crate::partitions::{LocalPartition, OpenTopic};
use decide::{Facts, drift, hand_on};

/// How often it is looked at who should lead, on average.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many leaderships drift back in one interval.
const DRIFTS_MAX: usize = 32;

/// How many leaderships are handed over at a time.
const AT_A_TIME: usize = 16;

type Group = (TopicId, PartitionIndex);

/// A leadership that is to go.
struct HandOver {
    group: Group,
    local: Arc<LocalPartition>,
    to: ReplicaId,
}

/// Since when each partition's preferred replica could lead.
type Since = HashMap<Group, Instant>;

/// Goes on until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>) {
    let mut stopping = broker.stopping();
    let mut since = Since::new();
    loop {
        // Brokers that came back together do not hand everything over in the same moment.
        let millis = INTERVAL.as_millis() as u64;
        let pause = Duration::from_millis(millis / 2 + chance() % millis.max(1));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        if broker.leaving.load(Ordering::Acquire) || !broker.is_registered() {
            continue;
        }
        if broker.may_lead(broker.replica()) {
            let after = broker.settings().leader_balance_after;
            let due = broker.due_to_drift(&mut since, after);
            for failed in broker.hand_over(due).await {
                // It rests as long as it would have waited.
                since.insert(failed, Instant::now());
            }
        } else {
            since.clear();
            broker.hand_all_on().await;
        }
    }
}

impl Broker {
    /// Hands on every leadership that somebody else can take; the metadata's too. Those that are left have nobody in
    /// sync. Returns how many were handed on.
    pub(crate) async fn hand_all_on(&self) -> usize {
        let mut given: HashMap<ReplicaId, u64> = HashMap::new();
        let mut due = Vec::new();
        for (topic, local) in self.led() {
            if let Some(to) = hand_on(&self.facts(&topic, &local), &given) {
                *given.entry(to).or_default() += 1;
                let group = (topic.topic.id(), local.partition);
                due.push(HandOver { group, local, to });
            }
        }
        let wanted = due.len();
        let failed = self.hand_over(due).await.len();
        let metadata = self.hand_metadata_on().await;
        wanted - failed + usize::from(metadata)
    }

    async fn hand_metadata_on(&self) -> bool {
        let status = self.metadata.status();
        if !status.serves {
            return false;
        }
        let Some(to) = self.next_leader(&status.voters, &status.in_sync) else {
            return false;
        };
        match self.metadata.transfer_leadership(to).await {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, "the metadata's leadership is not handed over");
                false
            }
        }
    }

    /// The partitions whose preferred replica has been able to lead long enough.
    fn due_to_drift(&self, since: &mut Since, after: Duration) -> Vec<HandOver> {
        let now = Instant::now();
        let mut kept = Since::new();
        let mut due = Vec::new();
        for (topic, local) in self.led() {
            let Some(to) = drift(&self.facts(&topic, &local)) else {
                continue;
            };
            let group = (topic.topic.id(), local.partition);
            let first = since.get(&group).copied().unwrap_or(now);
            kept.insert(group, first);
            if now.duration_since(first) >= after && due.len() < DRIFTS_MAX {
                due.push(HandOver { group, local, to });
            }
        }
        *since = kept;
        due
    }

    /// Hands leaderships over; returns those where that failed.
    async fn hand_over(&self, due: Vec<HandOver>) -> Vec<Group> {
        let handed = stream::iter(due).map(|due| async move {
            match due.local.group.transfer_leadership(due.to).await {
                Ok(()) => None,
                Err(error) => {
                    let (topic, partition) = (&due.local.topic, due.local.partition);
                    tracing::debug!(%topic, %partition, to = %due.to, %error, "a leadership is not handed over");
                    Some(due.group)
                }
            }
        });
        let failed = handed
            .buffer_unordered(AT_A_TIME)
            .filter_map(|failed| async move { failed });
        failed.collect().await
    }

    /// Whether somebody else could take anything that this broker leads.
    pub(crate) fn leads_what_others_could(&self) -> bool {
        let given = HashMap::new();
        let mut led = self.led().into_iter();
        led.any(|(topic, local)| hand_on(&self.facts(&topic, &local), &given).is_some())
    }

    /// The open partitions that this broker leads.
    fn led(&self) -> Vec<(Arc<OpenTopic>, Arc<LocalPartition>)> {
        let mut open = self.partitions.open();
        open.retain(|(_, local)| {
            let status = local.group.status();
            status.serves && status.stopped.is_none()
        });
        open
    }

    fn facts(&self, topic: &OpenTopic, local: &LocalPartition) -> Facts {
        let placed = topic.topic.partition(local.partition);
        let status = local.group.status();
        let may_lead = |replica: &ReplicaId| self.may_lead(*replica);
        Facts {
            here: self.replica(),
            is_moving: placed.is_none_or(|placed| placed.is_moving()),
            replicas: placed.map_or(Vec::new(), |placed| placed.replicas.clone()),
            able: status.in_sync.into_iter().filter(may_lead).collect(),
        }
    }
}
