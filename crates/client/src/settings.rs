//! How a client talks to brokers.

use std::time::Duration;

use model::limits::BATCH_BYTES_LIMIT;

/// What a message may hold around the largest batch, in bytes.
const MESSAGE_OVERHEAD_BYTES: usize = 1 << 20;

/// How a [`Client`](crate::Client) talks to its broker.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// How long a TCP connection may take.
    pub connect_timeout: Duration,
    /// How long a single call may take; streams and long polls have bounds of their own.
    pub request_timeout: Duration,
    /// The largest message taken from a broker, in bytes. What may be sent is the broker's to say.
    pub message_bytes_max: usize,
    /// How many bytes of one stream may be under way before they are read (HTTP/2's window).
    pub stream_window_bytes: u32,
    /// The same for all streams of a connection together.
    pub connection_window_bytes: u32,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            message_bytes_max: BATCH_BYTES_LIMIT as usize + MESSAGE_OVERHEAD_BYTES,
            stream_window_bytes: 8 << 20,
            connection_window_bytes: 16 << 20,
        }
    }
}
