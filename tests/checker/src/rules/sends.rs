//! Rules 3, 5, 6 and 7: what became of sends.

use std::collections::HashMap;

use crate::Anomaly;
use crate::facts::{Facts, Partition, Send};
use crate::history::Finish;

pub(crate) fn check(facts: &Facts<'_>) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (&partition, about) in &facts.partitions {
        for send in &about.sends {
            found.extend(aborted(partition, about, send));
            found.extend(misplaced(partition, about, send));
        }
        found.extend(out_of_order(partition, about));
    }
    found
}

/// Rule 3.
fn aborted(partition: u32, about: &Partition<'_>, send: &Send<'_>) -> Vec<Anomaly> {
    if send.operation.finish != Finish::Fail {
        return Vec::new();
    }
    let seen = |value: &String| Some((*about.seen.get(value.as_str())?.first()?, value.clone()));
    let op = send.operation.op;
    send.values
        .iter()
        .filter_map(seen)
        .map(|(offset, value)| Anomaly::AbortedRead {
            partition,
            offset,
            value,
            op,
        })
        .collect()
}

/// Rules 5 and 7: a batch is one entry, so its values lie one behind the other from where the acknowledgement says.
fn misplaced(partition: u32, about: &Partition<'_>, send: &Send<'_>) -> Vec<Anomaly> {
    let Some(base) = about.base_of(send) else {
        return Vec::new();
    };
    let op = send.operation.op;
    let mut found = Vec::new();
    for (expected, value) in (base..).zip(send.values) {
        let Some(offsets) = about.seen.get(value.as_str()) else {
            continue;
        };
        for &seen in offsets.iter().filter(|offset| **offset != expected) {
            let value = value.clone();
            found.push(match send.acked {
                Some(_) => Anomaly::AckMismatch {
                    partition,
                    op,
                    value,
                    acked: expected,
                    seen,
                },
                None => Anomaly::TornBatch {
                    partition,
                    op,
                    value,
                    expected,
                    seen,
                },
            });
        }
    }
    if send.acked.is_some() && found.len() > 1 {
        found.extend(torn(partition, about, send));
    }
    found
}

/// Whether values that are all misplaced are not even adjacent.
fn torn(partition: u32, about: &Partition<'_>, send: &Send<'_>) -> Option<Anomaly> {
    let mut places = send.values.iter().map_while(|value| {
        let seen = *about.seen.get(value.as_str())?.first()?;
        Some((value, seen))
    });
    let (_, mut last) = places.next()?;
    places.find_map(|(value, seen)| {
        let expected = last + 1;
        last = seen;
        let (op, value) = (send.operation.op, value.clone());
        (seen != expected).then_some(Anomaly::TornBatch {
            partition,
            op,
            value,
            expected,
            seen,
        })
    })
}

/// Rule 6.
fn out_of_order(partition: u32, about: &Partition<'_>) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let mut latest: HashMap<u32, (u64, u64)> = HashMap::new();
    for send in &about.sends {
        let (process, later) = (send.operation.process, send.operation.op);
        let Some(later_offset) = about.base_of(send) else {
            continue;
        };
        match latest.get(&process) {
            Some(&(earlier, earlier_offset)) if earlier_offset >= later_offset => {
                found.push(Anomaly::NonmonotonicSend {
                    partition,
                    process,
                    earlier,
                    earlier_offset,
                    later,
                    later_offset,
                });
            }
            _ => {
                latest.insert(process, (later, later_offset));
            }
        }
    }
    found
}
