//! Protobuf over gRPC, as prost has it, but for requests that would take far more memory than they have bytes.
//!
//! A record of no fields is two bytes on the wire and over a hundred in memory: 16 MiB of them would take a gigabyte.
//! So the elements of a request (nested messages, repeated texts) are counted before it is decoded, by skipping
//! through its bytes along the descriptors; payloads are stepped over, not looked at.

mod elements;

use std::marker::PhantomData;

use bytes::Buf;
use prost::{Message, Name};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::reason::Reason;
use crate::v1;
use elements::{ELEMENTS_MAX, Elements};

/// The codec of every service; `T` is what goes out, `U` what comes in.
#[derive(Clone, Copy, Debug)]
pub struct BoundedCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for BoundedCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for BoundedCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProtobufEncoder<T>;
    type Decoder = BoundedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProtobufEncoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        BoundedDecoder::default()
    }
}

/// Writes messages.
#[derive(Debug)]
pub struct ProtobufEncoder<T>(PhantomData<T>);

impl<T: Message> Encoder for ProtobufEncoder<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, message: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode_raw(buffer);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

/// Reads messages; counts the elements of requests before it does.
#[derive(Debug)]
pub struct BoundedDecoder<U> {
    elements: Option<&'static Elements>,
    message: PhantomData<U>,
}

impl<U: Message + Name + Default> Default for BoundedDecoder<U> {
    fn default() -> Self {
        Self {
            elements: Elements::of_request(U::NAME),
            message: PhantomData,
        }
    }
}

impl<U: Message + Name + Default> BoundedDecoder<U> {
    /// Reads one message, which the buffer holds in one piece.
    ///
    /// # Errors
    /// A status with the reason `MESSAGE_TOO_LARGE` or `MALFORMED_MESSAGE`.
    pub fn read(&self, mut buffer: impl Buf) -> Result<U, Status> {
        if let Some(elements) = self.elements
            && elements.are_too_many(buffer.chunk())
        {
            let message = format!(
                "the message has more than {ELEMENTS_MAX} records, headers or other parts, which is the limit; send \
                 smaller ones, or records as encoded batches"
            );
            let error = v1::Error::new(Reason::MessageTooLarge, message);
            return Err(error.with("limit", ELEMENTS_MAX).into());
        }
        U::decode(&mut buffer).map_err(|error| {
            let message = format!(
                "{error}; the bytes are no {}, see proto/strandline/v1",
                U::NAME
            );
            v1::Error::new(Reason::MalformedMessage, message).into()
        })
    }
}

impl<U: Message + Name + Default> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        self.read(buffer).map(Some)
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(bytes: &[u8]) -> String {
        let decoder = BoundedDecoder::<v1::ProduceStreamRequest>::default();
        decoder
            .read(bytes)
            .map_err(|status| v1::Error::from_status(&status).reason)
            .unwrap_err()
    }

    #[test]
    fn a_message_of_a_million_empty_records_is_refused_before_it_is_decoded() {
        let records = vec![v1::Record::default(); 1_000_000];
        let request = v1::ProduceStreamRequest {
            batch: Some(v1::ProduceBatch {
                payload: Some(v1::produce_batch::Payload::Records(v1::PlainRecords {
                    records,
                    ..v1::PlainRecords::default()
                })),
                ..v1::ProduceBatch::default()
            }),
            acks: 0,
        };
        assert_eq!(reason(&request.encode_to_vec()), "MESSAGE_TOO_LARGE");
    }

    #[test]
    fn records_behind_an_unknown_group_are_counted_too() {
        // Field 100 as an empty group, which prost skips; then `records`, empty, over and over.
        let group = [0xa3, 0x06, 0xa4, 0x06];
        let records: Vec<_> = group
            .into_iter()
            .chain([0x0a, 0].repeat(1_000_000))
            .collect();
        let encoded = |tag, content: &[u8]| {
            let mut bytes = Vec::new();
            prost::encoding::bytes::encode(tag, &content.to_vec(), &mut bytes);
            bytes
        };
        let batch = v1::produce_batch::Payload::Records(v1::PlainRecords::default());
        let mut head = Vec::new();
        batch.encode(&mut head);
        let tag = u32::from(head[0] >> 3);
        let request = encoded(1, &encoded(tag, &records));
        assert!(v1::ProduceStreamRequest::decode(&request[..]).is_ok());
        assert_eq!(reason(&request), "MESSAGE_TOO_LARGE");
    }

    #[test]
    fn bytes_that_are_no_message_are_refused_and_no_cut_of_one_panics() {
        assert_eq!(reason(b"\xff\xff\xff"), "MALFORMED_MESSAGE");
        let record = v1::Record {
            headers: vec![v1::Header::default()],
            value: Some(bytes::Bytes::from_static(b"value")),
            ..v1::Record::default()
        };
        let request = v1::ProduceRequest {
            batches: vec![v1::ProduceBatch {
                topic: "t".to_owned(),
                payload: Some(v1::produce_batch::Payload::Records(v1::PlainRecords {
                    records: vec![record],
                    ..v1::PlainRecords::default()
                })),
                ..v1::ProduceBatch::default()
            }],
            acks: 0,
        };
        let bytes = request.encode_to_vec();
        let decoder = BoundedDecoder::<v1::ProduceRequest>::default();
        for cut in 0..bytes.len() {
            let _ = decoder.read(&bytes[..cut]);
        }
        assert_eq!(decoder.read(&bytes[..]).unwrap(), request);
    }
}
