//! Rule 16: once nobody disturbs, everything goes on.

use std::time::Duration;

use crate::Anomaly;
use crate::facts::Facts;
use crate::history::Action;

pub(crate) fn check(facts: &Facts<'_>, within: Duration) -> Vec<Anomaly> {
    let heals = facts
        .operations
        .iter()
        .filter(|operation| operation.action == Action::Heal);
    let Some(healed) = heals.map(|heal| heal.invoked).max() else {
        return Vec::new();
    };
    let within_ms = within.as_millis() as u64;
    let within = within.as_nanos() as u64;
    let mut found = Vec::new();
    for (&partition, about) in &facts.partitions {
        let in_time = healed..=healed + within;
        let mut acked = about.sends.iter().filter(|send| send.acked.is_some());
        if !about.sends.is_empty() && !acked.any(|send| in_time.contains(&send.operation.ended)) {
            found.push(Anomaly::NoProgress {
                partition,
                within_ms,
            });
        }
    }
    for operation in facts.operations {
        let took = operation
            .ended
            .saturating_sub(operation.invoked.max(healed));
        if took > within {
            let (process, op, took_ms) = (operation.process, operation.op, took / 1_000_000);
            found.push(Anomaly::Stuck {
                process,
                op,
                took_ms,
                within_ms,
            });
        }
    }
    found
}
