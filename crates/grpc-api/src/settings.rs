//! What can be set of the API. Each setting stands with its default.

use std::time::Duration;

/// How many bytes a response may have beyond the message limit: a batch as large as the limit allows comes back
/// with its partition's ends around it.
pub(crate) const RESPONSE_EXTRA_BYTES: usize = 64 << 10;

/// Limits and habits of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The largest message that a client may send, in bytes; responses may have 64 KiB more. Default 16 MiB.
    pub message_bytes_max: usize,
    /// What DescribeCluster tells as the broker's version.
    pub version: String,
    /// How many bytes of batches of one stream or call may wait for their results; the stream is read no further
    /// meanwhile. At least one batch may. Default 32 MiB.
    pub session_bytes_max: usize,
    /// How many batches of one stream or call may wait for their results. Default 4,096.
    pub session_batches_max: usize,
    /// How often a subscriber hears something, even if there is nothing new. Default 10 s.
    pub heartbeat_interval: Duration,
    /// How many batches are compressed or decompressed at a time, beside small ones; more wait. Default 4.
    pub codec_jobs_max: usize,
}

impl Settings {
    /// The defaults.
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            message_bytes_max: 16 << 20,
            version: version.into(),
            session_bytes_max: 32 << 20,
            session_batches_max: 4_096,
            heartbeat_interval: Duration::from_secs(10),
            codec_jobs_max: 4,
        }
    }
}
