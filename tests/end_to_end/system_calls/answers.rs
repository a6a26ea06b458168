//! Finds the answers to produced batches in what a broker sends: HTTP/2 frames, in them gRPC messages.

use std::collections::BTreeMap;

use prost::Message as _;
use rpc::v1::{ProduceResult, ProduceStreamResponse};

use super::trace::Call;

/// Length (3 bytes), type, flags, stream (4 bytes).
const FRAME_HEADER_BYTES: usize = 9;
const DATA: u8 = 0;
const PADDED: u8 = 8;

/// A compression flag and the length (4 bytes).
const MESSAGE_HEADER_BYTES: usize = 5;

/// A message with results, and when it left.
pub(super) struct Answer {
    pub(super) results: Vec<ProduceResult>,
    /// The line where the call began that sent its first byte.
    pub(super) left: usize,
}

/// Bytes, and for each the line where its sending began.
#[derive(Default)]
struct Sent {
    bytes: Vec<u8>,
    began: Vec<usize>,
}

/// Every answer to a produced batch, unary and streamed alike.
pub(super) fn answers(calls: &[Call]) -> Vec<Answer> {
    let mut connections: BTreeMap<&str, Sent> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.is_send()) {
        let taken = usize::try_from(call.result)
            .unwrap_or(0)
            .min(call.bytes.len());
        let sent = connections.entry(&call.file).or_default();
        sent.bytes.extend(&call.bytes[..taken]);
        sent.began.extend(std::iter::repeat_n(call.began, taken));
    }
    let streams = connections.values().flat_map(streams);
    streams.flat_map(|stream| messages(&stream)).collect()
}

/// The payloads of DATA frames, stream by stream.
fn streams(sent: &Sent) -> Vec<Sent> {
    let mut streams: BTreeMap<[u8; 4], Sent> = BTreeMap::new();
    let mut at = 0;
    while let Some(&[l0, l1, l2, kind, flags, s0, s1, s2, s3]) =
        sent.bytes.get(at..at + FRAME_HEADER_BYTES)
    {
        let start = at + FRAME_HEADER_BYTES;
        let end = start + u32::from_be_bytes([0, l0, l1, l2]) as usize;
        if kind == DATA && end <= sent.bytes.len() {
            assert_eq!(flags & PADDED, 0, "a frame with padding");
            let stream = streams.entry([s0, s1, s2, s3]).or_default();
            stream.bytes.extend(&sent.bytes[start..end]);
            stream.began.extend(&sent.began[start..end]);
        }
        at = end;
    }
    streams.into_values().collect()
}

fn messages(stream: &Sent) -> Vec<Answer> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&[_, l0, l1, l2, l3]) = stream.bytes.get(at..at + MESSAGE_HEADER_BYTES) {
        let start = at + MESSAGE_HEADER_BYTES;
        let end = start + u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let message = stream
            .bytes
            .get(start..end)
            .and_then(|bytes| ProduceStreamResponse::decode(bytes).ok());
        // Answers of other calls may decode too; their results have no topic of ours.
        if let Some(message) = message {
            found.push(Answer {
                results: message.results,
                left: stream.began[at],
            });
        }
        at = end;
    }
    found
}
