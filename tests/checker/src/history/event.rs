//! One line of a history.

use serde::{Deserialize, Serialize};

/// Something that a client began, or how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Nanoseconds of the history's monotonic clock.
    pub t: u64,
    /// Who: does one thing after the other. A consumer that jumps is a new process.
    pub process: u32,
    /// Which operation: the same number when it begins and when it ends.
    pub op: u64,
    /// Whether it begins, or how it ended.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What it is.
    #[serde(flatten)]
    pub action: Action,
}

/// Whether an operation begins, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It begins.
    Invoke,
    /// It was done.
    Ok,
    /// It was certainly not done.
    Fail,
    /// It may or may not have been done: timeouts, lost connections.
    Info,
}

/// What clients do to a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "f", rename_all = "snake_case")]
pub enum Action {
    /// Produces one batch.
    Send {
        /// Where to.
        partition: u32,
        /// The records, in order; no value occurs twice in a history.
        values: Vec<String>,
        /// The offset of the first record; in an `ok`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offset: Option<u64>,
    },
    /// Fetches.
    Poll {
        /// Where from.
        partition: u32,
        /// The first offset wanted.
        from: u64,
        /// Whether it belongs to the last reading, which everything acknowledged must show up in.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        last_reading: bool,
        /// What was read; in an `ok`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<Seen>,
    },
    /// Asks where a partition ends.
    ListOffsets {
        /// Which partition.
        partition: u32,
        /// Which end.
        end: End,
        /// The answer; in an `ok`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offset: Option<u64>,
    },
    /// From here on nobody disturbs the cluster: it must make progress.
    Heal,
}

/// What a poll read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Offsets and values, as they came.
    pub records: Vec<(u64, String)>,
    /// The first offset there is.
    pub log_start: u64,
    /// The offset behind the last record that may be read.
    pub high_watermark: u64,
    /// Whether the broker had a quorum confirm, since the poll began, that it leads. Only then are the ends certain to
    /// be the newest.
    #[serde(default = "confirmed")]
    pub confirmed: bool,
}

fn confirmed() -> bool {
    true
}

/// An end of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// The first offset there is.
    Earliest,
    /// The offset behind the last record that may be read.
    Latest,
}
