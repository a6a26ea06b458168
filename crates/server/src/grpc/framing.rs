//! Where in the bytes of a gRPC call its messages begin and end.
//!
//! ```text
//! 0  u8   1: compressed
//! 1  u32  length, big-endian
//! 5  the message
//! ```
//! Source: "gRPC over HTTP2", Length-Prefixed-Message. It holds no bytes but a prefix.

/// Messages up to this length are not counted: their number is bounded by that of the calls.
pub(super) const SMALL_BYTES: u32 = 16 << 10;

const PREFIX_BYTES: usize = 5;

/// The place in a stream of messages.
#[derive(Debug, Default)]
pub(super) struct Framing {
    /// The bytes of a prefix that have come.
    prefix: [u8; PREFIX_BYTES],
    prefix_length: usize,
    /// What is missing of the message whose prefix was complete.
    missing: u32,
    is_large: bool,
}

/// How far one step goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// So many bytes belong together.
    pub(super) bytes: usize,
    /// They end with the prefix of a message of this length, for which there must be room before they go on.
    pub(super) begins: Option<u32>,
}

impl Framing {
    /// Goes to the next large message's beginning or end, or else to the end of `bytes`.
    pub(super) fn step(&mut self, bytes: &[u8]) -> Step {
        let mut at = 0;
        while at < bytes.len() {
            if self.missing > 0 {
                let left = bytes.len() - at;
                let taken = left.min(self.missing as usize);
                at += taken;
                // No more than `missing`.
                self.missing -= taken as u32;
                if self.missing == 0 && self.is_large {
                    self.is_large = false;
                    break;
                }
                continue;
            }
            let Some((byte, place)) = bytes.get(at).zip(self.prefix.get_mut(self.prefix_length))
            else {
                break;
            };
            *place = *byte;
            at += 1;
            self.prefix_length += 1;
            if self.prefix_length == PREFIX_BYTES {
                let [_, a, b, c, d] = self.prefix;
                self.prefix_length = 0;
                self.missing = u32::from_be_bytes([a, b, c, d]);
                self.is_large = self.missing > SMALL_BYTES;
                if self.is_large {
                    return Step {
                        bytes: at,
                        begins: Some(self.missing),
                    };
                }
            }
        }
        Step {
            bytes: at,
            begins: None,
        }
    }

    /// Whether a large message has begun and not ended.
    pub(super) fn is_in_large(&self) -> bool {
        self.is_large
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: u32) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(length.to_be_bytes());
        bytes.resize(PREFIX_BYTES + length as usize, 7);
        bytes
    }

    fn steps(framing: &mut Framing, mut bytes: &[u8]) -> Vec<(usize, Option<u32>)> {
        let mut steps = Vec::new();
        while !bytes.is_empty() {
            let step = framing.step(bytes);
            bytes = &bytes[step.bytes..];
            steps.push((step.bytes, step.begins));
        }
        steps
    }

    #[test]
    fn small_messages_go_on_together_and_large_ones_alone() {
        let large = SMALL_BYTES + 1;
        let bytes = [
            message(0),
            message(SMALL_BYTES),
            message(large),
            message(large),
            message(3),
        ]
        .concat();
        let small = 2 * PREFIX_BYTES + SMALL_BYTES as usize;
        assert_eq!(
            steps(&mut Framing::default(), &bytes),
            [
                (small + PREFIX_BYTES, Some(large)),
                (large as usize, None),
                (PREFIX_BYTES, Some(large)),
                (large as usize, None),
                (PREFIX_BYTES + 3, None),
            ]
        );
    }

    #[test]
    fn however_the_bytes_are_cut_the_same_messages_begin() {
        let lengths = [0, 20_000, 5, 16_384, 16_385, 70_000, 1];
        let bytes: Vec<u8> = lengths.iter().flat_map(|length| message(*length)).collect();
        for piece in [1, 2, 3, 4, 5, 7, 1000, 16_384, 65_536, bytes.len()] {
            let mut framing = Framing::default();
            let begun: Vec<_> = bytes
                .chunks(piece)
                .flat_map(|piece| steps(&mut framing, piece))
                .filter_map(|(_, begins)| begins)
                .collect();
            assert_eq!(
                begun,
                [20_000, 16_385, 70_000],
                "cut into pieces of {piece}"
            );
            assert!(!framing.is_in_large());
        }
    }

    #[test]
    fn a_large_message_is_open_until_its_last_byte() {
        let mut framing = Framing::default();
        let bytes = message(20_000);
        steps(&mut framing, &bytes[..bytes.len() - 1]);
        assert!(framing.is_in_large());
        steps(&mut framing, &bytes[bytes.len() - 1..]);
        assert!(!framing.is_in_large());
    }
}
