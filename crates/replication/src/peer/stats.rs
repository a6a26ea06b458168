//! What has been sent and received.

use std::sync::atomic::{AtomicU64, Ordering};

use model::BrokerId;

/// The traffic with one peer, since the start. Requests and replies of both directions count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStats {
    /// The peer.
    pub broker: BrokerId,
    /// Whether requests can be sent to it at this moment.
    pub connected: bool,
    /// Bytes of frames sent.
    pub bytes_sent: u64,
    /// Bytes of frames received.
    pub bytes_received: u64,
    /// Frames sent.
    pub frames_sent: u64,
    /// Frames received.
    pub frames_received: u64,
    /// Bytes of requests that are queued or unanswered.
    pub queue_bytes: u64,
    /// Streams to it that have begun; all but the first are reconnects.
    pub connections: u64,
    /// Attempts that have failed or been refused.
    pub failures: u64,
}

/// The counters behind it.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) bytes_sent: AtomicU64,
    pub(super) bytes_received: AtomicU64,
    pub(super) frames_sent: AtomicU64,
    pub(super) frames_received: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) failures: AtomicU64,
}

impl Counters {
    pub(super) fn sent(&self, frames: u64, bytes: u64) {
        self.frames_sent.fetch_add(frames, Ordering::Relaxed);
        self.bytes_sent.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: u64) {
        self.frames_received.fetch_add(1, Ordering::Relaxed);
        self.bytes_received.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn show(&self, broker: BrokerId, connected: bool, queue_bytes: u64) -> PeerStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PeerStats {
            broker,
            connected,
            bytes_sent: get(&self.bytes_sent),
            bytes_received: get(&self.bytes_received),
            frames_sent: get(&self.frames_sent),
            frames_received: get(&self.frames_received),
            queue_bytes,
            connections: get(&self.connections),
            failures: get(&self.failures),
        }
    }
}
