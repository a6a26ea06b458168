//! What a history may not show.

use thiserror::Error;

/// A broken rule, with the facts. `partition` is always the partition, `op` the operation's number in the history.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum Anomaly {
    /// Rule 1.
    #[error("partition {partition}, offset {offset}: holds several values: {values:?}")]
    InconsistentOffset {
        partition: u32,
        offset: u64,
        values: Vec<String>,
    },
    /// Rule 2.
    #[error("partition {partition}: `{value}` was read at several offsets: {offsets:?}")]
    Duplicate {
        partition: u32,
        value: String,
        offsets: Vec<u64>,
    },
    /// Rule 3.
    #[error(
        "partition {partition}, offset {offset}: `{value}` was read, but its send (op {op}) certainly failed"
    )]
    AbortedRead {
        partition: u32,
        offset: u64,
        value: String,
        op: u64,
    },
    /// Rule 4.
    #[error(
        "partition {partition}, offset {offset}: `{value}` of op {op} was never read, but offset {bound} was"
    )]
    Lost {
        partition: u32,
        offset: u64,
        value: String,
        op: u64,
        bound: u64,
    },
    /// Rule 4, the last reading.
    #[error(
        "partition {partition}, offset {offset}: the last reading does not find `{value}`, acknowledged to op {op}"
    )]
    Unseen {
        partition: u32,
        offset: u64,
        value: String,
        op: u64,
    },
    /// Rule 5.
    #[error(
        "partition {partition}: op {op} was told offset {acked} for `{value}`, which was read at {seen}"
    )]
    AckMismatch {
        partition: u32,
        op: u64,
        value: String,
        acked: u64,
        seen: u64,
    },
    /// Rule 6.
    #[error(
        "partition {partition}: process {process} sent op {later} (offset {later_offset}) after op {earlier} (offset {earlier_offset})"
    )]
    NonmonotonicSend {
        partition: u32,
        process: u32,
        earlier: u64,
        earlier_offset: u64,
        later: u64,
        later_offset: u64,
    },
    /// Rule 7.
    #[error(
        "partition {partition}: the batch of op {op} is torn: `{value}` was read at {seen}, not at {expected}"
    )]
    TornBatch {
        partition: u32,
        op: u64,
        value: String,
        expected: u64,
        seen: u64,
    },
    /// Rule 8.
    #[error(
        "partition {partition}: process {process} read on at {next} (op {op}) after it had read {last}"
    )]
    NonmonotonicPoll {
        partition: u32,
        process: u32,
        op: u64,
        last: u64,
        next: u64,
    },
    /// Rule 9.
    #[error(
        "partition {partition}: process {process} read {next} (op {op}) after {last} and never saw {skipped}"
    )]
    PollSkip {
        partition: u32,
        process: u32,
        op: u64,
        last: u64,
        next: u64,
        skipped: u64,
    },
    /// Rule 10, backwards.
    #[error("partition {partition}: within op {op}, offset {next} comes after {last}")]
    NonmonotonicWithinPoll {
        partition: u32,
        op: u64,
        last: u64,
        next: u64,
    },
    /// Rule 10, forwards.
    #[error(
        "partition {partition}: within op {op}, offset {next} comes after {last}, without {skipped}"
    )]
    SkipWithinPoll {
        partition: u32,
        op: u64,
        last: u64,
        next: u64,
        skipped: u64,
    },
    /// Rule 11.
    #[error(
        "partition {partition}, offset {offset}: op {op} read `{value}` before anybody sent it"
    )]
    Phantom {
        partition: u32,
        offset: u64,
        value: String,
        op: u64,
    },
    /// Rule 12, an end that does not cover an earlier acknowledgement.
    #[error(
        "partition {partition}: op {op} was told the end {end}, but offset {acked} had been acknowledged before"
    )]
    StaleEnd {
        partition: u32,
        op: u64,
        end: u64,
        acked: u64,
    },
    /// Rule 12, an end that goes back.
    #[error(
        "partition {partition}: op {op} was told the {which} {now}, but {before} had been told before"
    )]
    EndWentBack {
        partition: u32,
        op: u64,
        which: &'static str,
        before: u64,
        now: u64,
    },
    /// Rule 12, a record outside of the ends of its own answer.
    #[error(
        "partition {partition}: op {op} read offset {offset}, outside of its own {log_start} to {high_watermark}"
    )]
    OutsideOfEnds {
        partition: u32,
        op: u64,
        offset: u64,
        log_start: u64,
        high_watermark: u64,
    },
    /// Rule 13.
    #[error(
        "partition {partition}: op {op} got offset {offset}, but {acked} had been acknowledged before it began"
    )]
    RealTimeOrder {
        partition: u32,
        op: u64,
        offset: u64,
        acked: u64,
    },
    /// Rule 14.
    #[error(
        "partition {partition}, log index {index}: replicas diverge, by checksum: {checksums:x?}"
    )]
    Diverged {
        partition: u32,
        index: u64,
        checksums: Vec<(String, Option<u64>)>,
    },
    /// Rule 16, for a partition.
    #[error("partition {partition}: no send was acknowledged within {within_ms} ms of the healing")]
    NoProgress { partition: u32, within_ms: u64 },
    /// Rule 16, for an operation.
    #[error("op {op} of process {process} went on for {took_ms} ms, more than {within_ms}")]
    Stuck {
        process: u32,
        op: u64,
        took_ms: u64,
        within_ms: u64,
    },
}

impl Anomaly {
    /// The number of the broken rule.
    pub const fn rule(&self) -> u8 {
        match self {
            Self::InconsistentOffset { .. } => 1,
            Self::Duplicate { .. } => 2,
            Self::AbortedRead { .. } => 3,
            Self::Lost { .. } | Self::Unseen { .. } => 4,
            Self::AckMismatch { .. } => 5,
            Self::NonmonotonicSend { .. } => 6,
            Self::TornBatch { .. } => 7,
            Self::NonmonotonicPoll { .. } => 8,
            Self::PollSkip { .. } => 9,
            Self::NonmonotonicWithinPoll { .. } | Self::SkipWithinPoll { .. } => 10,
            Self::Phantom { .. } => 11,
            Self::StaleEnd { .. } | Self::EndWentBack { .. } | Self::OutsideOfEnds { .. } => 12,
            Self::RealTimeOrder { .. } => 13,
            Self::Diverged { .. } => 14,
            Self::NoProgress { .. } | Self::Stuck { .. } => 16,
        }
    }
}
