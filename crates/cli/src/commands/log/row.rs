//! One batch of a segment, as people and programs see it.

use model::TimestampType;
use model::batch::control;
use segment_log::DumpedBatch;
use serde::Serialize;

use crate::time::format_millis;

/// One batch of a segment.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    position: u64,
    bytes: usize,
    index: u64,
    term: Option<u64>,
    base_offset: u64,
    /// The offset behind the last record.
    end_offset: u64,
    records: i32,
    /// `records`, or what kind of internal entry it is.
    kind: String,
    codec: String,
    timestamp_type: &'static str,
    base_timestamp: i64,
    max_timestamp: i64,
    producer_id: Option<u64>,
    producer_epoch: Option<i16>,
    base_sequence: Option<i32>,
    crc: String,
    /// What is wrong with it.
    problem: Option<String>,
}

/// The headings over [`Row::cells`].
pub(super) const HEADINGS: &str = "POSITION       INDEX TERM      OFFSETS                 RECORDS BYTES     CODEC  KIND       TIMESTAMP                PROBLEM";

impl Row {
    pub(super) fn of(dumped: &DumpedBatch) -> Self {
        let header = dumped.batch.header();
        let kind = if header.is_internal() {
            control::decode(&dumped.batch).map_or_else(
                |_| "unknown".to_owned(),
                |(kind, _)| format!("{kind:?}").to_lowercase(),
            )
        } else {
            "records".to_owned()
        };
        Self {
            position: dumped.position.get(),
            bytes: dumped.batch.total_bytes(),
            index: dumped.index.get(),
            term: header.term().map(model::Term::get),
            base_offset: header.base_offset().get(),
            end_offset: header.end_offset().get(),
            records: header.record_count(),
            kind,
            codec: header.codec().map_or_else(
                |number| format!("unknown ({number})"),
                |codec| codec.to_string(),
            ),
            timestamp_type: match header.timestamp_type() {
                TimestampType::CreateTime => "create-time",
                TimestampType::LogAppendTime => "append-time",
            },
            base_timestamp: header.base_timestamp().as_millis(),
            max_timestamp: header.max_timestamp().as_millis(),
            producer_id: header.producer().map(|stamp| stamp.id.get()),
            producer_epoch: header.producer().map(|stamp| stamp.epoch),
            base_sequence: header.producer().map(|stamp| stamp.base_sequence),
            crc: format!("{:#010x}", header.crc()),
            problem: dumped.problem.clone(),
        }
    }

    /// The batch as a line under [`HEADINGS`]; a segment may hold millions, so widths are fixed ahead.
    pub(super) fn cells(&self) -> String {
        let offsets = match self.end_offset.checked_sub(1) {
            Some(last) if self.records > 0 => format!("{}-{last}", self.base_offset),
            _ => "-".to_owned(),
        };
        let term = self
            .term
            .map_or_else(|| "-".to_owned(), |term| term.to_string());
        let line = format!(
            "{:<14} {:<5} {term:<9} {offsets:<23} {:<7} {:<9} {:<6} {:<10} {:<24} {}",
            self.position,
            self.index,
            self.records,
            self.bytes,
            self.codec,
            self.kind,
            format_millis(self.max_timestamp),
            self.problem.as_deref().unwrap_or_default(),
        );
        line.trim_end().to_owned()
    }
}
