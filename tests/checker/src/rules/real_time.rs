//! Rules 12 and 13: what was told before a request began binds its answer.

use crate::Anomaly;
use crate::facts::{Facts, Partition};
use crate::history::End;
use crate::running_max::RunningMax;

pub(crate) fn check(facts: &Facts<'_>) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (&partition, about) in &facts.partitions {
        let acked = RunningMax::new(about.sends.iter().filter_map(|send| {
            let last = send.acked? + (send.values.len() as u64).saturating_sub(1);
            Some((send.operation.ended, last))
        }));
        found.extend(stale_ends(partition, about, &acked));
        found.extend(ends_going_back(
            partition,
            about,
            End::Earliest,
            "log start",
        ));
        found.extend(ends_going_back(
            partition,
            about,
            End::Latest,
            "high watermark",
        ));
        found.extend(outside_of_ends(partition, about));
        found.extend(order_of_sends(partition, about, &acked));
    }
    found
}

/// Rule 12: the end covers what was acknowledged before the request.
fn stale_ends(partition: u32, about: &Partition<'_>, acked: &RunningMax) -> Vec<Anomaly> {
    let latest = about.ends.iter().filter(|told| told.end == End::Latest);
    latest
        .filter_map(|told| {
            let acked = acked.before(told.operation.invoked)?;
            let (op, end) = (told.operation.op, told.offset);
            (end <= acked).then_some(Anomaly::StaleEnd {
                partition,
                op,
                end,
                acked,
            })
        })
        .collect()
}

/// Rule 12: ends only move forward.
fn ends_going_back(
    partition: u32,
    about: &Partition<'_>,
    end: End,
    which: &'static str,
) -> Vec<Anomaly> {
    let told = || about.ends.iter().filter(move |told| told.end == end);
    let known = RunningMax::new(told().map(|told| (told.operation.ended, told.offset)));
    told()
        .filter_map(|told| {
            let before = known.before(told.operation.invoked)?;
            let (op, now) = (told.operation.op, told.offset);
            (now < before).then_some(Anomaly::EndWentBack {
                partition,
                op,
                which,
                before,
                now,
            })
        })
        .collect()
}

/// Rule 12: a poll reads nothing outside of the ends that it names.
fn outside_of_ends(partition: u32, about: &Partition<'_>) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for poll in &about.polls {
        let (log_start, high_watermark) = (poll.seen.log_start, poll.seen.high_watermark);
        let inside = log_start..high_watermark;
        for (offset, _) in poll
            .seen
            .records
            .iter()
            .filter(|(offset, _)| !inside.contains(offset))
        {
            let (op, offset) = (poll.operation.op, *offset);
            found.push(Anomaly::OutsideOfEnds {
                partition,
                op,
                offset,
                log_start,
                high_watermark,
            });
        }
    }
    found
}

/// Rule 13.
fn order_of_sends(partition: u32, about: &Partition<'_>, acked: &RunningMax) -> Vec<Anomaly> {
    about
        .sends
        .iter()
        .filter_map(|send| {
            let offset = about.base_of(send)?;
            let acked = acked.before(send.operation.invoked)?;
            let op = send.operation.op;
            (offset <= acked).then_some(Anomaly::RealTimeOrder {
                partition,
                op,
                offset,
                acked,
            })
        })
        .collect()
}
