//! A topic, as people and programs see it.

use std::collections::BTreeMap;

use client::{DoubtState, LogStart, PartitionDescription, ReplicaDoubt, TopicDescription};
use model::{BrokerId, Offset};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{write_json, write_line, write_table};
use crate::session::Session;

/// A topic as JSON. The names are part of the command line's contract.
#[derive(Serialize)]
struct TopicJson<'a> {
    name: &'a str,
    id: &'a str,
    partitions: Vec<PartitionJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    configs: Option<BTreeMap<&'a str, &'a str>>,
}

#[derive(Serialize)]
struct PartitionJson {
    partition: u32,
    leader: Option<u32>,
    leader_epoch: u64,
    replicas: Vec<u32>,
    in_sync: Vec<u32>,
    adding: Vec<u32>,
    removing: Vec<u32>,
    epoch: u64,
    log_start: u64,
    high_watermark: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    doubts: Vec<DoubtJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct DoubtJson {
    broker: u32,
    state: &'static str,
    since: u64,
}

#[derive(Serialize)]
struct LogStartJson {
    partition: u32,
    log_start: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Shows one topic with its partitions and configs.
pub(super) fn topic(topic: &TopicDescription, session: &Session) -> Result<(), Failure> {
    if session.json() {
        return write_json(&topic_json(topic, true));
    }
    write_line(&format!(
        "{}  id {}  replication factor {}",
        topic.name, topic.id, topic.replication_factor
    ))?;
    write_line("")?;
    let headings = [
        "PARTITION",
        "LEADER",
        "EPOCH",
        "REPLICAS",
        "IN SYNC",
        "LOG START",
        "HIGH WATERMARK",
        "BYTES",
        "",
    ];
    write_table(headings, topic.partitions.iter().map(partition_row))?;
    write_line("")?;
    let set = topic.configs.iter().filter(|config| config.is_set);
    let defaults = topic.configs.iter().filter(|config| !config.is_set);
    let rows = set.chain(defaults).map(|config| {
        let origin = if config.is_set { "topic" } else { "default" };
        [
            config.name.clone(),
            config.value.clone(),
            origin.to_owned(),
            config.note.clone(),
        ]
    });
    write_table(["CONFIG", "VALUE", "SET BY", ""], rows)
}

/// Lists topics: as JSON one a line.
pub(super) fn topics(topics: &[TopicDescription], session: &Session) -> Result<(), Failure> {
    if session.json() {
        return topics
            .iter()
            .try_for_each(|topic| write_json(&topic_json(topic, false)));
    }
    let rows = topics.iter().map(|topic| {
        let records = topic
            .partitions
            .iter()
            .map(|p| p.high_watermark.since(p.log_start));
        [
            topic.name.clone(),
            topic.partitions.len().to_string(),
            topic.replication_factor.to_string(),
            records.sum::<u64>().to_string(),
            topic
                .partitions
                .iter()
                .map(|p| p.bytes)
                .sum::<u64>()
                .to_string(),
        ]
    });
    write_table(
        ["TOPIC", "PARTITIONS", "REPLICAS", "OFFSETS", "BYTES"],
        rows,
    )
}

/// Shows where partitions begin now; the first refusal is the command's failure.
pub(super) fn log_starts(starts: Vec<LogStart>, session: &Session) -> Result<(), Failure> {
    if session.json() {
        for start in &starts {
            let refusal = start.outcome.as_ref().err();
            write_json(&LogStartJson {
                partition: start.partition.get(),
                log_start: start.outcome.as_ref().ok().map(|offset| offset.get()),
                error: refusal.map(|refusal| refusal.message.clone()),
                reason: refusal.map(|refusal| refusal.reason.clone()),
            })?;
        }
    } else {
        let rows = starts.iter().map(|start| {
            let log_start = start
                .outcome
                .as_ref()
                .map_or_else(|_| "-".to_owned(), Offset::to_string);
            [start.partition.to_string(), log_start]
        });
        write_table(["PARTITION", "LOG START"], rows)?;
    }
    match starts.into_iter().find_map(|start| start.outcome.err()) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(()),
    }
}

fn topic_json(topic: &TopicDescription, with_configs: bool) -> TopicJson<'_> {
    let configs = topic
        .configs
        .iter()
        .map(|config| (config.name.as_str(), config.value.as_str()));
    TopicJson {
        name: &topic.name,
        id: &topic.id,
        partitions: topic.partitions.iter().map(partition_json).collect(),
        configs: with_configs.then(|| configs.collect()),
    }
}

fn partition_json(partition: &PartitionDescription) -> PartitionJson {
    let ids = |brokers: &[BrokerId]| brokers.iter().map(|broker| broker.get()).collect();
    PartitionJson {
        partition: partition.partition.get(),
        leader: partition.leader.map(BrokerId::get),
        leader_epoch: partition.leader_epoch,
        replicas: ids(&partition.replicas),
        in_sync: ids(&partition.in_sync),
        adding: ids(&partition.adding),
        removing: ids(&partition.removing),
        epoch: partition.epoch,
        log_start: partition.log_start.get(),
        high_watermark: partition.high_watermark.get(),
        bytes: partition.bytes,
        doubts: partition.doubts.iter().map(doubt_json).collect(),
        error: partition
            .problem
            .as_ref()
            .map(|problem| problem.message.clone()),
    }
}

fn doubt_json(doubt: &ReplicaDoubt) -> DoubtJson {
    DoubtJson {
        broker: doubt.broker.get(),
        state: doubt.state.as_str(),
        since: doubt.since,
    }
}

fn partition_row(partition: &PartitionDescription) -> [String; 9] {
    let ids = |brokers: &[BrokerId]| {
        let ids: Vec<_> = brokers.iter().map(BrokerId::to_string).collect();
        ids.join(",")
    };
    [
        partition.partition.to_string(),
        partition
            .leader
            .map_or_else(|| "none".to_owned(), |leader| leader.to_string()),
        partition.leader_epoch.to_string(),
        ids(&partition.replicas),
        ids(&partition.in_sync),
        partition.log_start.to_string(),
        partition.high_watermark.to_string(),
        partition.bytes.to_string(),
        remark(partition),
    ]
}

/// What moves, who may have forgotten what, and what is wrong.
fn remark(partition: &PartitionDescription) -> String {
    let ids = |brokers: &[BrokerId]| {
        let ids: Vec<_> = brokers.iter().map(BrokerId::to_string).collect();
        ids.join(",")
    };
    let moving = [
        ("adding", &partition.adding),
        ("removing", &partition.removing),
    ];
    let moving = moving
        .iter()
        .filter(|(_, brokers)| !brokers.is_empty())
        .map(|(what, brokers)| format!("{what} {}", ids(brokers)));
    let problem = partition
        .problem
        .iter()
        .map(|problem| problem.message.clone());
    let doubts = partition.doubts.iter().map(|doubt| {
        let what = match doubt.state {
            DoubtState::Open => "may have forgotten records in a power cut, and waits for a leader",
            DoubtState::Accepted => "may start after a power cut, its loss is accepted",
            DoubtState::Lost => {
                "started after a power cut with what was left: its loss was accepted"
            }
        };
        format!("the replica on broker {} {what}", doubt.broker)
    });
    moving
        .chain(doubts)
        .chain(problem)
        .collect::<Vec<_>>()
        .join("; ")
}
