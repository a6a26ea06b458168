//! The frame of our small files: term table, log start, index, checkpoint, snapshot.
//!
//! ```text
//!  0  magic    4 bytes, names the kind and version of the payload
//!  4  length   u32      bytes of payload
//!  8  crc      u32      CRC-32 of magic, length and payload
//! 12  payload
//! ```
//! All numbers are big-endian. It does not know what a payload means.

use thiserror::Error;

/// The bytes in front of a payload.
pub(crate) const FRAME_BYTES: usize = 12;

/// Why a small file is not what was written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Unsound {
    /// Another kind of file, or a newer version of it.
    #[error("it starts with {found:?}, expected is {expected:?}")]
    WrongMagic { expected: [u8; 4], found: Vec<u8> },
    /// More or fewer bytes than it says.
    #[error("it should have {expected} bytes, it has {found}")]
    WrongLength { expected: usize, found: usize },
    /// The checksum does not match.
    #[error("its checksum is {stored:#010x}, its bytes give {computed:#010x}")]
    WrongChecksum { stored: u32, computed: u32 },
    /// The payload itself makes no sense.
    #[error("its payload is malformed")]
    Malformed,
}

/// Puts a payload into its frame.
pub(crate) fn encode(magic: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    let mut bytes = Vec::with_capacity(FRAME_BYTES + payload.len());
    bytes.extend_from_slice(&magic);
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&checksum(magic, length, payload).to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Takes a payload out of its frame.
pub(crate) fn decode(magic: [u8; 4], bytes: &[u8]) -> Result<&[u8], Unsound> {
    let Some((head, payload)) = bytes.split_first_chunk::<FRAME_BYTES>() else {
        return Err(Unsound::WrongLength {
            expected: FRAME_BYTES,
            found: bytes.len(),
        });
    };
    let [m0, m1, m2, m3, l0, l1, l2, l3, c0, c1, c2, c3] = *head;
    let (found, length) = ([m0, m1, m2, m3], [l0, l1, l2, l3]);
    if found != magic {
        return Err(Unsound::WrongMagic {
            expected: magic,
            found: found.to_vec(),
        });
    }
    let expected = u32::from_be_bytes(length) as usize;
    if payload.len() != expected {
        return Err(Unsound::WrongLength {
            expected: expected.saturating_add(FRAME_BYTES),
            found: bytes.len(),
        });
    }
    let stored = u32::from_be_bytes([c0, c1, c2, c3]);
    let computed = checksum(magic, length, payload);
    if stored != computed {
        return Err(Unsound::WrongChecksum { stored, computed });
    }
    Ok(payload)
}

fn checksum(magic: [u8; 4], length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&magic);
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

/// Reads numbers off the front of a payload; `None` where it ends too early.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    pub(crate) fn u64(&mut self) -> Option<u64> {
        let (head, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*head))
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.u64().map(u64::cast_signed)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        let (head, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        let bytes = encode(*b"SLt1", b"abc");
        assert_eq!(&bytes[..8], b"SLt1\0\0\0\x03");
        assert_eq!(
            &bytes[8..12],
            &crc32fast::hash(b"SLt1\0\0\0\x03abc").to_be_bytes()
        );
        assert_eq!(&bytes[12..], b"abc");
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let bytes = encode(*b"SLt1", b"payload");
        assert_eq!(decode(*b"SLt1", &bytes), Ok(&b"payload"[..]));
        for cut in 0..bytes.len() {
            assert!(decode(*b"SLt1", &bytes[..cut]).is_err(), "cut at {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(*b"SLt1", &flipped).is_err(), "bit {bit}");
        }
    }
}
