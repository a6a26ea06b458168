//! HTTP/2 as the API wants it: wide enough for bulk on one connection, bounded for many.

use std::time::Duration;

use tonic::transport::Server;

/// A stream's window: with the default 64 KiB a batch waits for window updates (measured: 17 to 100 % slower).
const STREAM_WINDOW_BYTES: u32 = 8 << 20;
/// All streams of a connection together: also the most that a connection can hold unread.
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// A batch of up to 1 MiB comes in one frame.
const FRAME_BYTES_MAX: u32 = 1 << 20;
/// A status with its facts fits easily; nothing asks for large headers.
const HEADER_BYTES_MAX: u32 = 16 << 10;
/// Finds peers that vanished without a word.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// A server with these windows, for [`crate::Api::routes`]. `streams_max` bounds the open calls of one connection.
pub fn tuned(server: Server, streams_max: u32) -> Server {
    server
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES_MAX)
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .max_concurrent_streams(streams_max)
        .http2_keepalive_interval(Some(PING_INTERVAL))
        .http2_keepalive_timeout(Some(PING_TIMEOUT))
        .tcp_nodelay(true)
}
