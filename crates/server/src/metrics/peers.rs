//! What goes from broker to broker.

use replication::peer::PeerStats;

use super::text::{Series, label};

/// A figure of one peer: its name, type, help, and where it is.
type OfPeer = (
    &'static str,
    &'static str,
    &'static str,
    fn(&PeerStats) -> u64,
);

const OF_PEER: [OfPeer; 8] = [
    (
        "strandline_peer_connected",
        "gauge",
        "1 where requests can be sent to the broker.",
        |peer| u64::from(peer.connected),
    ),
    (
        "strandline_peer_sent_bytes_total",
        "counter",
        "Bytes sent to the broker.",
        |peer| peer.bytes_sent,
    ),
    (
        "strandline_peer_received_bytes_total",
        "counter",
        "Bytes received from the broker.",
        |peer| peer.bytes_received,
    ),
    (
        "strandline_peer_sent_frames_total",
        "counter",
        "Frames sent to the broker.",
        |peer| peer.frames_sent,
    ),
    (
        "strandline_peer_received_frames_total",
        "counter",
        "Frames received from the broker.",
        |peer| peer.frames_received,
    ),
    (
        "strandline_peer_queue_bytes",
        "gauge",
        "Bytes of requests to the broker that are queued or unanswered.",
        |peer| peer.queue_bytes,
    ),
    (
        "strandline_peer_connections_total",
        "counter",
        "Streams to the broker that have begun; all but the first are reconnects.",
        |peer| peer.connections,
    ),
    (
        "strandline_peer_failures_total",
        "counter",
        "Attempts to reach the broker that have failed or been refused.",
        |peer| peer.failures,
    ),
];

/// Adds the traffic with each peer.
pub(super) fn render(text: &mut String, peers: &[PeerStats]) {
    for (name, kind, help, of) in OF_PEER {
        let mut series = Series::begin(text, name, kind, help);
        for peer in peers {
            series.add(&label("peer", &peer.broker.to_string()), of(peer));
        }
    }
}
