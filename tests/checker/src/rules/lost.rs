//! Rule 4: nothing that was acknowledged, or is proven to have been written, may be missing.

use std::collections::HashSet;

use crate::Anomaly;
use crate::facts::{Facts, Partition};

pub(crate) fn check(facts: &Facts<'_>) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (&partition, about) in &facts.partitions {
        found.extend(never_read(partition, about));
        found.extend(unseen(partition, about));
    }
    found
}

/// Values that nobody read, though something behind their batch was read.
fn never_read(partition: u32, about: &Partition<'_>) -> Vec<Anomaly> {
    let read = about.polls.iter().flat_map(|poll| &poll.seen.records);
    let Some(bound) = read.map(|(offset, _)| *offset).max() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for send in &about.sends {
        let Some(base) = about.base_of(send) else {
            continue;
        };
        if base + send.values.len() as u64 > bound + 1 {
            continue;
        }
        for (offset, value) in (base..).zip(send.values) {
            if offset >= about.log_start && !about.seen.contains_key(value.as_str()) {
                let (value, op) = (value.clone(), send.operation.op);
                found.push(Anomaly::Lost {
                    partition,
                    offset,
                    value,
                    op,
                    bound,
                });
            }
        }
    }
    found
}

/// Acknowledged values that the last reading did not find at their offset.
fn unseen(partition: u32, about: &Partition<'_>) -> Vec<Anomaly> {
    let last_reading: HashSet<(u64, &str)> = about
        .polls
        .iter()
        .filter(|poll| poll.last_reading)
        .flat_map(|poll| &poll.seen.records)
        .map(|(offset, value)| (*offset, value.as_str()))
        .collect();
    let mut found = Vec::new();
    for send in &about.sends {
        let Some(base) = send.acked else {
            continue;
        };
        for (offset, value) in (base..).zip(send.values) {
            if offset >= about.log_start && !last_reading.contains(&(offset, value.as_str())) {
                let (value, op) = (value.clone(), send.operation.op);
                found.push(Anomaly::Unseen {
                    partition,
                    offset,
                    value,
                    op,
                });
            }
        }
    }
    found
}
