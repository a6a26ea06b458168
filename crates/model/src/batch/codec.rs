//! The compression codecs of a records block, with Kafka's framings and a bound on what comes out.
//!
//! gzip: RFC 1952. snappy: snappy-java's framing (`82 'SNAPPY' 0`, two version words, then
//! length-prefixed raw blocks) is written; a bare raw block is read too. lz4: the LZ4 frame format.
//! zstd: RFC 8878.

use std::fmt;
use std::io::{Read, Write};
use std::str::FromStr;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

const SNAPPY_JAVA_MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
const SNAPPY_JAVA_VERSION: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
const SNAPPY_BLOCK_BYTES: usize = 32 << 10;
/// Bounds a zstd decoder's window to 8 MiB (RFC 8878 asks every decoder for that much).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How a records block is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Codec {
    /// Every codec, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The number in a batch's attributes.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The codec with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The name in settings: `none`, `gzip`, `snappy`, `lz4`, `zstd`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Codec {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.as_str() == text)
            .ok_or(())
    }
}

/// Why a block cannot be compressed or decompressed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CodecError {
    /// No codec has this number.
    #[error("the batch uses codec {number}, known are 0 none, 1 gzip, 2 snappy, 3 lz4 and 4 zstd")]
    Unknown {
        /// The number found.
        number: u8,
    },
    /// What comes out is larger than it may be.
    #[error("the {codec} block decompresses to more than {limit} bytes, which is the limit")]
    TooLarge {
        /// The codec.
        codec: Codec,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The block is damaged.
    #[error("the {codec} block is damaged: {reason}")]
    Damaged {
        /// The codec.
        codec: Codec,
        /// What the codec's library says.
        reason: String,
    },
}

/// Compresses a block.
///
/// # Errors
/// [`CodecError::Damaged`], where the codec's library fails.
pub fn compress(codec: Codec, plain: Bytes) -> Result<Bytes, CodecError> {
    let failed = |reason: String| CodecError::Damaged { codec, reason };
    match codec {
        Codec::None => Ok(plain),
        Codec::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder
                .write_all(&plain)
                .map_err(|error| failed(error.to_string()))?;
            encoder
                .finish()
                .map(Bytes::from)
                .map_err(|error| failed(error.to_string()))
        }
        Codec::Snappy => compress_snappy(&plain).map_err(|error| failed(error.to_string())),
        Codec::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder
                .write_all(&plain)
                .map_err(|error| failed(error.to_string()))?;
            encoder
                .finish()
                .map(Bytes::from)
                .map_err(|error| failed(error.to_string()))
        }
        Codec::Zstd => zstd::stream::encode_all(plain.as_ref(), 3)
            .map(Bytes::from)
            .map_err(|error| failed(error.to_string())),
    }
}

/// Decompresses a block to at most `limit` bytes. A plain block is returned as it is, whatever its size.
///
/// # Errors
/// [`CodecError::TooLarge`] or [`CodecError::Damaged`].
pub fn decompress(codec: Codec, block: &Bytes, limit: usize) -> Result<Bytes, CodecError> {
    let damaged = |reason: String| CodecError::Damaged { codec, reason };
    match codec {
        Codec::None => Ok(block.clone()),
        Codec::Snappy => decompress_snappy(block, limit),
        Codec::Gzip => read_bounded(
            codec,
            flate2::read::MultiGzDecoder::new(block.as_ref()),
            limit,
        ),
        Codec::Lz4 => read_bounded(
            codec,
            lz4_flex::frame::FrameDecoder::new(block.as_ref()),
            limit,
        ),
        Codec::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(block.as_ref())
                .map_err(|error| damaged(error.to_string()))?;
            decoder
                .window_log_max(ZSTD_WINDOW_LOG_MAX)
                .map_err(|error| damaged(error.to_string()))?;
            read_bounded(codec, decoder, limit)
        }
    }
}

fn read_bounded(codec: Codec, decoder: impl Read, limit: usize) -> Result<Bytes, CodecError> {
    let mut plain = Vec::new();
    decoder
        .take((limit as u64).saturating_add(1))
        .read_to_end(&mut plain)
        .map_err(|error| CodecError::Damaged {
            codec,
            reason: error.to_string(),
        })?;
    if plain.len() > limit {
        Err(CodecError::TooLarge { codec, limit })
    } else {
        Ok(plain.into())
    }
}

fn compress_snappy(plain: &[u8]) -> Result<Bytes, snap::Error> {
    let mut framed = BytesMut::with_capacity(plain.len() / 2 + SNAPPY_JAVA_MAGIC.len() + 16);
    framed.put_slice(SNAPPY_JAVA_MAGIC);
    framed.put_slice(&SNAPPY_JAVA_VERSION);
    let mut encoder = snap::raw::Encoder::new();
    for block in plain.chunks(SNAPPY_BLOCK_BYTES) {
        let compressed = encoder.compress_vec(block)?;
        framed.put_u32(u32::try_from(compressed.len()).unwrap_or(u32::MAX));
        framed.put_slice(&compressed);
    }
    Ok(framed.freeze())
}

fn decompress_snappy(block: &Bytes, limit: usize) -> Result<Bytes, CodecError> {
    let damaged = |reason: String| CodecError::Damaged {
        codec: Codec::Snappy,
        reason,
    };
    let mut rest = block.clone();
    if !rest.starts_with(SNAPPY_JAVA_MAGIC) {
        let mut plain = BytesMut::new();
        push_raw_snappy(&mut plain, &rest, limit)?;
        return Ok(plain.freeze());
    }
    if rest.len() < SNAPPY_JAVA_MAGIC.len() + SNAPPY_JAVA_VERSION.len() {
        return Err(damaged("the frame ends inside its header".to_owned()));
    }
    rest.advance(SNAPPY_JAVA_MAGIC.len() + SNAPPY_JAVA_VERSION.len());
    let mut plain = BytesMut::new();
    while !rest.is_empty() {
        let length = rest
            .try_get_u32()
            .ok()
            .and_then(|length| usize::try_from(length).ok());
        match length.filter(|length| *length <= rest.len()) {
            Some(length) => push_raw_snappy(&mut plain, &rest.split_to(length), limit)?,
            None => return Err(damaged("the frame ends inside a block".to_owned())),
        }
    }
    Ok(plain.freeze())
}

fn push_raw_snappy(plain: &mut BytesMut, raw: &[u8], limit: usize) -> Result<(), CodecError> {
    let codec = Codec::Snappy;
    let damaged = |error: snap::Error| CodecError::Damaged {
        codec,
        reason: error.to_string(),
    };
    // The length stands in front of the block, unchecked: refuse it before anything is reserved for it.
    let length = snap::raw::decompress_len(raw).map_err(damaged)?;
    if plain.len().saturating_add(length) > limit {
        return Err(CodecError::TooLarge { codec, limit });
    }
    // Snappy emits at most 64 bytes for each 3 it reads; a larger promise is a lie.
    if length > raw.len().saturating_mul(64) {
        return Err(CodecError::Damaged {
            codec,
            reason: format!("{} bytes cannot hold {length}", raw.len()),
        });
    }
    let start = plain.len();
    plain.resize(start + length, 0);
    let target = plain.get_mut(start..).unwrap_or_default();
    snap::raw::Decoder::new()
        .decompress(raw, target)
        .map_err(damaged)?;
    Ok(())
}
