//! Judges a [history]: did the cluster keep what it promised?
//!
//! It is written from the rules alone and shares no code with the broker. The rules have the numbers that the
//! project's reliability notes give them:
//!
//! | rule | anomaly |
//! |---|---|
//! | 1 | two values at one offset |
//! | 2 | one value at two offsets |
//! | 3 | a value is read whose send certainly failed |
//! | 4 | a lost write: others behind it were read, it never was; or the last reading misses it |
//! | 5 | an acknowledgement names another offset than the one the value is read at |
//! | 6 | one process's sends are out of order |
//! | 7 | a batch is torn: its values are not adjacent and in order |
//! | 8, 9 | a consumer's next poll goes back, or skips |
//! | 10 | the same within one poll |
//! | 11 | a value is read before anybody sent it |
//! | 12 | an end that goes back, or does not cover what was acknowledged before |
//! | 13 | a send that began after another one's acknowledgement lies in front of it |
//! | 14 | replicas hold different entries at one place of the log ([`diverging`]: from their disks, not from a history) |
//! | 16 | no progress once nobody disturbs |
//!
//! Not applicable yet: 15 needs consumer groups, 17 (cycles) transactions.

pub mod history;

mod anomaly;
mod facts;
mod replicas;
mod rules;
mod running_max;

use std::time::Duration;

pub use anomaly::Anomaly;
pub use replicas::{ReplicaEntries, diverging};

use crate::history::{BadHistory, Event, operations};
use facts::Facts;

/// What depends on the test.
#[derive(Clone, Copy, Debug)]
pub struct Expectations {
    /// How soon after the last `heal` every partition takes a send, and how long an operation may go on from then.
    pub progress_within: Duration,
}

/// Every anomaly of the history; none: it is good.
///
/// # Errors
/// [`BadHistory`]: the events are no history.
pub fn check(events: &[Event], expectations: Expectations) -> Result<Vec<Anomaly>, BadHistory> {
    let operations = operations(events)?;
    let facts = Facts::gather(&operations);
    let mut anomalies = Vec::new();
    anomalies.extend(rules::versions::check(&facts));
    anomalies.extend(rules::sends::check(&facts));
    anomalies.extend(rules::lost::check(&facts));
    anomalies.extend(rules::polls::check(&facts));
    anomalies.extend(rules::phantoms::check(&facts));
    anomalies.extend(rules::real_time::check(&facts));
    anomalies.extend(rules::progress::check(&facts, expectations.progress_within));
    Ok(anomalies)
}
