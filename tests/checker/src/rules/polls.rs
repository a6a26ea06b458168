//! Rules 8, 9 and 10: a consumer sees every record, in order.

use std::collections::HashMap;

use crate::Anomaly;
use crate::facts::{Facts, Partition, Poll};

pub(crate) fn check(facts: &Facts<'_>) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (&partition, about) in &facts.partitions {
        let mut last_read: HashMap<u32, u64> = HashMap::new();
        for poll in &about.polls {
            let process = poll.operation.process;
            found.extend(within(partition, about, poll));
            let (Some((first, _)), Some((last, _))) =
                (poll.seen.records.first(), poll.seen.records.last())
            else {
                continue;
            };
            if let Some(&before) = last_read.get(&process) {
                found.extend(between(partition, about, poll, before, *first));
            }
            last_read.insert(process, *last);
        }
    }
    found
}

/// Rules 8 and 9: from one poll to the next.
fn between(
    partition: u32,
    about: &Partition<'_>,
    poll: &Poll<'_>,
    last: u64,
    next: u64,
) -> Option<Anomaly> {
    let (process, op) = (poll.operation.process, poll.operation.op);
    if next <= last {
        return Some(Anomaly::NonmonotonicPoll {
            partition,
            process,
            op,
            last,
            next,
        });
    }
    let skipped = about.first_between(last, next)?;
    Some(Anomaly::PollSkip {
        partition,
        process,
        op,
        last,
        next,
        skipped,
    })
}

/// Rule 10.
fn within(partition: u32, about: &Partition<'_>, poll: &Poll<'_>) -> Vec<Anomaly> {
    let op = poll.operation.op;
    poll.seen
        .records
        .windows(2)
        .filter_map(|pair| {
            let [(last, _), (next, _)] = pair else {
                return None;
            };
            let (last, next) = (*last, *next);
            if next <= last {
                return Some(Anomaly::NonmonotonicWithinPoll {
                    partition,
                    op,
                    last,
                    next,
                });
            }
            let skipped = about.first_between(last, next)?;
            Some(Anomaly::SkipWithinPoll {
                partition,
                op,
                last,
                next,
                skipped,
            })
        })
        .collect()
}
