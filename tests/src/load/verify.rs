//! Compares what was acknowledged with what is read, and has the checker judge the history.

use std::collections::HashMap;

use super::readers::read_to_end;
use super::stage::Stage;
use crate::harness::TIMEOUT;
use checker::history::save;
use checker::{Expectations, check};

/// Whatever had been acknowledged is read by a consumer that comes anew, from where the last one has stopped.
pub async fn verify(stage: &Stage, verified: &mut [u64]) {
    for (partition, verified) in (0..).zip(verified) {
        let acknowledged = stage.acknowledged_from(partition, *verified);
        let read = read_to_end(stage, partition, *verified, false).await;
        let mut places: HashMap<&str, Vec<u64>> = HashMap::new();
        for (offset, value) in &read {
            places.entry(value).or_default().push(*offset);
        }
        for (offset, value) in acknowledged {
            let found = places.get(value.as_str()).map_or(&[][..], Vec::as_slice);
            assert_eq!(
                found,
                [offset],
                "partition {partition}: where `{value}`, acknowledged at {offset}, is read"
            );
        }
        *verified = read.last().map_or(*verified, |(offset, _)| offset + 1);
    }
}

/// Fails where the checker finds an anomaly; the history is kept then.
pub fn judge(stage: &Stage) {
    let events = stage.recorder.events();
    let anomalies = check(
        &events,
        Expectations {
            progress_within: TIMEOUT,
        },
    )
    .expect("the history is sound");
    if !anomalies.is_empty() {
        let path =
            std::env::temp_dir().join(format!("strandline-history-{}.jsonl", std::process::id()));
        save(&events, &path).expect("the history is saved");
        let shown: Vec<_> = anomalies.iter().take(20).map(ToString::to_string).collect();
        panic!(
            "{} anomalies in {}:\n{}",
            anomalies.len(),
            path.display(),
            shown.join("\n")
        );
    }
}
