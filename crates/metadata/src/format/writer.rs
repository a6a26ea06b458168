//! Writes items.

use bytes::Bytes;

/// Appends items to a message.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new(header: [u8; 4]) -> Self {
        Self(header.to_vec())
    }

    pub(super) fn number(&mut self, number: u64) {
        self.0.push(b'n');
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.length(b'b', bytes.len());
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.length(b't', text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// `count` items must follow.
    pub(super) fn list(&mut self, count: usize) {
        self.length(b'l', count);
    }

    pub(super) fn absent(&mut self) {
        self.0.push(b'-');
    }

    /// A length above `u32::MAX` is written as that, which every reader refuses.
    fn length(&mut self, letter: u8, length: usize) {
        self.0.push(letter);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_le_bytes());
    }

    pub(super) fn finish(self) -> Bytes {
        self.0.into()
    }
}
