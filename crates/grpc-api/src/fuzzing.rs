//! For the fuzz targets only: what becomes of a client's bytes before the broker sees any of it.

use bytes::Bytes;
use prost::{Message, Name};
use rpc::codec::BoundedDecoder;
use rpc::v1;

use crate::bulk::messages::Framing;
use crate::consumer::request;
use crate::topic::{page, requests};

/// Reads the bytes as each request and checks it as its service does. Says how many could be read.
///
/// # Panics
/// If a request that was read does not write and read the same, or if one that passes is not within its limits.
pub fn every_request(bytes: &[u8], message_bytes_max: usize) -> usize {
    let mut found = 0;
    macro_rules! read {
        ($($request:ident),+) => {
            $(found += usize::from(read::<v1::$request>(bytes).is_some());)+
        };
    }
    read!(
        InitProducerRequest,
        ProduceRequest,
        ProduceStreamRequest,
        SubscribeRequest,
        GetTopicRequest,
        UpdateTopicRequest,
        DeleteTopicRequest,
        CreatePartitionsRequest,
        ApplyRetentionRequest,
        DescribeClusterRequest,
        TransferLeadershipRequest,
        ReassignPartitionsRequest,
        RebalanceRequest,
        DrainRequest,
        UndrainRequest,
        DecommissionRequest,
        ListMovesRequest,
        ListBrokersRequest,
        DescribePartitionsRequest
    );
    if let Some(wanted) = read::<v1::FetchRequest>(bytes)
        && let Ok(wanted) = request::fetch(wanted, message_bytes_max)
    {
        assert!(wanted.bytes_max <= message_bytes_max as u64);
        assert!(wanted.fetch.bytes_min <= wanted.bytes_max);
        assert!(!wanted.fetch.partitions.is_empty());
    }
    if let Some(wanted) = read::<v1::ListOffsetsRequest>(bytes)
        && let Ok(queries) = request::list_offsets(&wanted)
    {
        assert_eq!(queries.len(), wanted.queries.len());
    }
    if let Some(wanted) = read::<v1::ListTopicsRequest>(bytes)
        && let Ok(wanted) = page::read(&wanted)
    {
        assert!((1..=1_000).contains(&wanted.size));
        let again = v1::ListTopicsRequest {
            page_token: wanted.after.as_ref().map(page::token).unwrap_or_default(),
            ..v1::ListTopicsRequest::default()
        };
        assert!(page::read(&again).is_ok_and(|again| again.after == wanted.after));
    }
    if let Some(wanted) = read::<v1::CreateTopicRequest>(bytes) {
        let _ = requests::create(wanted);
    }
    if let Some(wanted) = read::<v1::DeleteRecordsRequest>(bytes) {
        let _ = requests::delete_records(&wanted);
    }
    found
}

fn read<T: Message + Name + Default + PartialEq>(bytes: &[u8]) -> Option<T> {
    let decoder = BoundedDecoder::<T>::default();
    let request = decoder.read(bytes).ok()?;
    let again = decoder.read(&request.encode_to_vec()[..]);
    assert!(again.is_ok_and(|again| again == request));
    Some(request)
}

/// The messages in a stream of bytes that comes in frames of this size, as far as they are sound.
pub fn messages(stream: &[u8], frame_bytes: usize, message_bytes_max: usize) -> Vec<Bytes> {
    let mut framing = Framing::new(message_bytes_max);
    let mut found = Vec::new();
    for frame in stream.chunks(frame_bytes.max(1)) {
        framing.feed(Bytes::copy_from_slice(frame));
        loop {
            match framing.take() {
                Ok(Some(message)) => found.push(message),
                Ok(None) => break,
                Err(_) => return found,
            }
        }
    }
    found
}
