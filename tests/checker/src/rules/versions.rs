//! Rules 1 and 2: one value at an offset, one offset for a value.

use crate::Anomaly;
use crate::facts::Facts;

pub(crate) fn check(facts: &Facts<'_>) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (&partition, about) in &facts.partitions {
        for (&offset, values) in about.versions.iter().filter(|(_, values)| values.len() > 1) {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            found.push(Anomaly::InconsistentOffset {
                partition,
                offset,
                values,
            });
        }
        for (value, offsets) in about.seen.iter().filter(|(_, offsets)| offsets.len() > 1) {
            let offsets = offsets.iter().copied().collect();
            found.push(Anomaly::Duplicate {
                partition,
                value: (*value).to_owned(),
                offsets,
            });
        }
    }
    found
}
