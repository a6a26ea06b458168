//! Messages in pieces: what prost writes, and between it the stored batches as they are.
//!
//! A field may stand anywhere in a message, so a result's batches are written behind its other fields.

use std::mem;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use rpc::v1;

/// A gRPC message with its prefix, cut wherever a large batch begins or ends.
pub(super) type Pieces = Vec<Bytes>;

/// `results` of FetchResponse and of SubscribeResponse.
const RESULTS_FIELD: u32 = 1;
/// `batches` of FetchResult.
const BATCHES_FIELD: u32 = 8;
/// A smaller batch is copied: an HTTP/2 frame of its own would cost more.
const COPIED_BYTES_MAX: usize = 4 << 10;
/// A flag that says "not compressed", and the message's length.
const PREFIX_BYTES: usize = 5;

/// A message in one piece.
pub(super) fn of(message: &impl Message) -> Pieces {
    let mut head = prefixed(message.encoded_len());
    message.encode_raw(&mut head);
    vec![head.freeze()]
}

/// What a fetch is answered.
pub(super) fn of_fetch(mut message: v1::FetchResponse) -> Pieces {
    let results = mem::take(&mut message.results);
    of_results(results, &message)
}

/// What a subscriber gets.
pub(super) fn of_subscription(mut message: v1::SubscribeResponse) -> Pieces {
    let results = mem::take(&mut message.results);
    of_results(results, &message)
}

/// A message of results and some other fields.
fn of_results(results: Vec<v1::FetchResult>, others: &impl Message) -> Pieces {
    let sized = |mut result: v1::FetchResult| {
        let batches = mem::take(&mut result.batches);
        let of_batches: usize = batches
            .iter()
            .map(|batch| field_bytes(BATCHES_FIELD, batch.len()))
            .sum();
        (result.encoded_len() + of_batches, result, batches)
    };
    let results: Vec<_> = results.into_iter().map(sized).collect();
    let of_results: usize = results
        .iter()
        .map(|(bytes, ..)| field_bytes(RESULTS_FIELD, *bytes))
        .sum();
    let mut head = prefixed(of_results + others.encoded_len());
    let mut pieces = Pieces::new();
    for (bytes, result, batches) in results {
        put_field_head(&mut head, RESULTS_FIELD, bytes);
        result.encode_raw(&mut head);
        for batch in batches {
            put_field_head(&mut head, BATCHES_FIELD, batch.len());
            if batch.len() <= COPIED_BYTES_MAX {
                head.put_slice(&batch);
            } else {
                pieces.push(head.split().freeze());
                pieces.push(batch);
            }
        }
    }
    others.encode_raw(&mut head);
    if !head.is_empty() {
        pieces.push(head.freeze());
    }
    pieces
}

fn prefixed(message_bytes: usize) -> BytesMut {
    // What is copied is small; what is not, takes no room here.
    let mut head = BytesMut::with_capacity(PREFIX_BYTES + message_bytes.min(COPIED_BYTES_MAX));
    head.put_u8(0);
    head.put_u32(u32::try_from(message_bytes).unwrap_or(u32::MAX));
    head
}

fn put_field_head(head: &mut BytesMut, field: u32, bytes: usize) {
    encode_key(field, WireType::LengthDelimited, head);
    encode_varint(bytes as u64, head);
}

fn field_bytes(field: u32, bytes: usize) -> usize {
    key_len(field) + encoded_len_varint(bytes as u64) + bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(partition: i32, batches: &[usize]) -> v1::FetchResult {
        let batch = |bytes: &usize| Bytes::from(vec![7; *bytes]);
        v1::FetchResult {
            topic: "t".to_owned(),
            partition,
            next_offset: 300,
            batches: batches.iter().map(batch).collect(),
            error: Some(v1::Error::default()),
            ..v1::FetchResult::default()
        }
    }

    #[test]
    fn the_pieces_are_the_message_and_large_batches_are_not_copied() {
        let message = v1::SubscribeResponse {
            results: vec![
                result(1, &[100_000, 3, 70_000]),
                result(2, &[]),
                result(3, &[1]),
            ],
            used_bytes: 170_004,
        };
        let pieces = of_subscription(message.clone());
        assert_eq!(pieces[1].len(), 100_000);
        let whole = pieces.concat();
        assert_eq!(
            whole[..5],
            [
                &[0][..],
                &u32::try_from(whole.len() - 5).unwrap().to_be_bytes()
            ]
            .concat()
        );
        assert_eq!(v1::SubscribeResponse::decode(&whole[5..]).unwrap(), message);
    }

    #[test]
    fn an_empty_message_is_its_prefix() {
        assert_eq!(
            of_subscription(v1::SubscribeResponse::default()).concat(),
            [0; 5]
        );
        assert_eq!(of_fetch(v1::FetchResponse::default()).concat(), [0; 5]);
        assert_eq!(of(&v1::ProduceStreamResponse::default()).concat(), [0; 5]);
    }
}
