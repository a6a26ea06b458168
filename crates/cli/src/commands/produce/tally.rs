//! What has become of the lines: waits for the batches' results, tells them, and says at the end what is missing.

use std::collections::VecDeque;

use client::{Acknowledgement, Delivered, Delivery, ProduceError};
use model::Durability;
use serde::Serialize;

use crate::failure::Failure;
use crate::output;

/// An acknowledged batch as JSON. The names are part of the command line's contract.
#[derive(Serialize)]
struct AcknowledgedJson {
    partition: u32,
    base_offset: u64,
    records: u64,
    durability: &'static str,
}

/// What has become of the lines.
#[derive(Debug, Default)]
pub(super) struct Tally {
    waiting: VecDeque<Waiting>,
    tells: bool,
    acknowledged: u64,
    sent: u64,
    durability: Option<Durability>,
    /// The first failure, and the first line that was not acknowledged.
    failure: Option<Failure>,
    first_missing: Option<u64>,
}

#[derive(Debug)]
struct Waiting {
    first_line: u64,
    records: u64,
    delivery: Delivery,
}

impl Tally {
    /// A tally that tells each acknowledged batch as JSON, or tells nothing.
    pub(super) fn new(tells: bool) -> Self {
        Self {
            tells,
            ..Self::default()
        }
    }

    /// Notes a batch that was sent.
    pub(super) fn expect(&mut self, first_line: u64, records: u64, delivery: Delivery) {
        self.waiting.push_back(Waiting {
            first_line,
            records,
            delivery,
        });
    }

    /// Waits no longer: what has no result may be written or not.
    pub(super) fn abandon(&mut self) {
        if let Some(first) = self.waiting.front() {
            self.leave_out(first.first_line);
        }
        self.waiting.clear();
    }

    /// Whether batches wait for their results.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether a batch was not acknowledged.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Waits for the result of the first batch that has none. May be dropped while it waits.
    pub(super) async fn settle_next(&mut self) -> Result<(), Failure> {
        let Some(first) = self.waiting.front_mut() else {
            return Ok(());
        };
        let result = (&mut first.delivery).await;
        let (first_line, records) = (first.first_line, first.records);
        self.waiting.pop_front();
        self.settle(first_line, records, result)
    }

    fn settle(
        &mut self,
        first_line: u64,
        records: u64,
        result: Result<Delivered, ProduceError>,
    ) -> Result<(), Failure> {
        match result {
            Ok(Delivered::Acknowledged(acknowledgement)) => {
                self.acknowledged += records;
                self.durability = Some(acknowledgement.durability);
                self.tell(&acknowledgement)
            }
            Ok(Delivered::Sent) => {
                self.sent += records;
                Ok(())
            }
            Err(error) => {
                self.miss(first_line, error.into());
                Ok(())
            }
        }
    }

    /// Notes that a line, and perhaps others behind it, was not acknowledged.
    pub(super) fn miss(&mut self, line: u64, failure: Failure) {
        self.failure.get_or_insert(failure);
        self.leave_out(line);
    }

    /// Notes that a line was not sent.
    pub(super) fn leave_out(&mut self, line: u64) {
        self.first_missing = Some(self.first_missing.map_or(line, |first| first.min(line)));
    }

    fn tell(&self, acknowledgement: &Acknowledgement) -> Result<(), Failure> {
        if !self.tells {
            return Ok(());
        }
        output::write_json(&AcknowledgedJson {
            partition: acknowledgement.partition.get(),
            base_offset: acknowledgement.base_offset.get(),
            records: acknowledgement.records,
            durability: acknowledgement.durability.as_str(),
        })
    }

    /// What to say where all went well; else the failure, with how many were acknowledged and what is missing.
    pub(super) fn conclude(self) -> Result<String, Failure> {
        let Some(failure) = self.failure else {
            return Ok(match self.durability {
                Some(durability) => {
                    format!("{} acknowledged ({durability})", records(self.acknowledged))
                }
                None if self.sent > 0 => {
                    format!("{} sent, no acknowledgement asked for", records(self.sent))
                }
                None => "no record".to_owned(),
            });
        };
        let (acknowledged, line) = (self.acknowledged, self.first_missing.unwrap_or(1));
        let missing = format!(
            "acknowledged before: {}; line {line} is the first that was not",
            records(acknowledged),
        );
        Err(failure
            .followed_by(&missing)
            .with("acknowledged", acknowledged)
            .with("first_unacknowledged_line", line))
    }
}

fn records(number: u64) -> String {
    match number {
        1 => "1 record".to_owned(),
        _ => format!("{number} records"),
    }
}

#[cfg(test)]
mod tests {
    use model::{Offset, PartitionIndex};

    use super::*;
    use crate::failure::Exit;

    fn acknowledged(records: u64) -> Result<Delivered, ProduceError> {
        Ok(Delivered::Acknowledged(Acknowledgement {
            partition: PartitionIndex::new(0),
            base_offset: Offset::ZERO,
            records,
            durability: Durability::Fsync,
            duplicate: false,
        }))
    }

    #[test]
    fn all_acknowledged_is_success() {
        let mut tally = Tally::new(false);
        tally.settle(1, 3, acknowledged(3)).unwrap();
        tally.settle(4, 2, acknowledged(2)).unwrap();
        assert_eq!(tally.conclude().unwrap(), "5 records acknowledged (fsync)");
    }

    #[test]
    fn one_batch_without_acknowledgement_is_failure_and_the_first_line_of_all_is_named() {
        let mut tally = Tally::new(false);
        tally.settle(1, 3, acknowledged(3)).unwrap();
        let unknown = ProduceError::OutcomeUnknown {
            cause: "cut".to_owned(),
            refusal: None,
        };
        tally.settle(6, 2, Err(unknown)).unwrap();
        tally.settle(4, 2, Err(ProduceError::Abandoned)).unwrap();
        tally.leave_out(8);
        let failure = tally.conclude().unwrap_err();
        assert_eq!(
            (failure.exit(), failure.reason()),
            (Exit::Unavailable, "OUTCOME_UNKNOWN")
        );
        assert!(
            failure
                .message()
                .ends_with("acknowledged before: 3 records; line 4 is the first that was not")
        );
    }
}
