//! gRPC's framing of messages: one byte "not compressed", four bytes of length (big-endian), the message.
//! Source: gRPC over HTTP/2, "Length-Prefixed-Message".

use anyhow::{Context, Result, ensure};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;

const PREFIX_BYTES: usize = 5;

/// A message as it goes over the wire.
pub(crate) fn frame(message: &impl Message) -> Result<Bytes> {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).context("a message over 4 GiB")?);
    message.encode(&mut bytes)?;
    Ok(bytes.freeze())
}

/// Received bytes, from which messages are cut.
#[derive(Default)]
pub(super) struct Received(BytesMut);

impl Received {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next message, if it is there whole.
    pub(super) fn next<M: Message + Default>(&mut self) -> Result<Option<M>> {
        let Some(mut prefix) = self.0.get(..PREFIX_BYTES) else {
            return Ok(None);
        };
        ensure!(prefix.get_u8() == 0, "a compressed message");
        let length = prefix.get_u32() as usize;
        if self.0.len() < PREFIX_BYTES + length {
            self.0.reserve(PREFIX_BYTES + length - self.0.len());
            return Ok(None);
        }
        self.0.advance(PREFIX_BYTES);
        Ok(Some(M::decode(self.0.split_to(length).freeze())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_again_however_they_were_cut() {
        let messages = ["", "one", "and two"];
        let mut bytes = Vec::new();
        for message in messages {
            bytes.extend_from_slice(&frame(&message.to_owned()).unwrap());
        }
        for size in 1..bytes.len() {
            let mut received = Received::default();
            let mut found = Vec::new();
            for piece in bytes.chunks(size) {
                received.push(piece);
                while let Some(message) = received.next::<String>().unwrap() {
                    found.push(message);
                }
            }
            assert_eq!(found, messages);
            assert!(received.is_empty());
        }
    }
}
