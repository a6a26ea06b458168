//! Rule 11: nothing is read that nobody had begun to send.

use crate::Anomaly;
use crate::facts::Facts;

pub(crate) fn check(facts: &Facts<'_>) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (&partition, about) in &facts.partitions {
        for poll in &about.polls {
            for (offset, value) in &poll.seen.records {
                let sent = about.sent.get(value.as_str());
                let began = sent.map(|(send, _)| about.sends[*send].operation.invoked);
                if began.is_none_or(|began| began > poll.operation.ended) {
                    let (offset, value, op) = (*offset, value.clone(), poll.operation.op);
                    found.push(Anomaly::Phantom {
                        partition,
                        offset,
                        value,
                        op,
                    });
                }
            }
        }
    }
    found
}
