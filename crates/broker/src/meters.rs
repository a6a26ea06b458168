//! The counters and histograms of the hot paths, looked up once.

use metrics::{Counter, Histogram, counter, histogram};

/// Counts what goes in and out.
pub(crate) struct Meters {
    pub(crate) produced_bytes: Counter,
    pub(crate) produced_records: Counter,
    pub(crate) produced_batches: Counter,
    pub(crate) produce_refused: Counter,
    pub(crate) fetched_bytes: Counter,
    pub(crate) fetches: Counter,
    pub(crate) fetch_refused: Counter,
    pub(crate) scrubbed_bytes: Counter,
    pub(crate) damage_found: Counter,
    pub(crate) log_start_moves: Counter,
    pub(crate) leader_changes: Counter,
    /// Replicas that have started with what was left after a power cut, since their loss was accepted.
    pub(crate) accepted_losses: Counter,
    /// From the submission of a batch to its result.
    pub(crate) produce_seconds: Histogram,
    /// From when Raft has a batch to its result: writing, syncing, the other brokers.
    pub(crate) commit_seconds: Histogram,
    /// Of a fetch, once there was enough: reading, and waiting for room among the answers.
    pub(crate) fetch_seconds: Histogram,
    pub(crate) fetched_records: Counter,
}

impl Meters {
    /// The counters of the recorder that is installed now.
    pub(crate) fn new() -> Self {
        Self {
            produced_bytes: counter!("strandline_produced_bytes_total"),
            produced_records: counter!("strandline_produced_records_total"),
            produced_batches: counter!("strandline_produced_batches_total"),
            produce_refused: counter!("strandline_produce_refused_total"),
            fetched_bytes: counter!("strandline_fetched_bytes_total"),
            fetches: counter!("strandline_fetches_total"),
            fetch_refused: counter!("strandline_fetch_refused_total"),
            scrubbed_bytes: counter!("strandline_scrubbed_bytes_total"),
            damage_found: counter!("strandline_damaged_segments_total"),
            log_start_moves: counter!("strandline_log_start_moves_total"),
            leader_changes: counter!("strandline_leader_changes_total"),
            accepted_losses: counter!("strandline_accepted_losses_total"),
            produce_seconds: histogram!("strandline_produce_seconds"),
            commit_seconds: histogram!("strandline_commit_seconds"),
            fetch_seconds: histogram!("strandline_fetch_seconds"),
            fetched_records: counter!("strandline_fetched_records_total"),
        }
    }
}
