//! Small blocks that promise or hold far more than they may: refused without the memory they ask for.
//!
//! A test program of its own, with one test: what it measures is the whole process.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::io::{Read, Write};

use bytes::Bytes;
use model::batch::codec::decompress;
use model::batch::{Codec, CodecError};

const MIB: usize = 1 << 20;
const LIMIT: usize = MIB;
const BOMB_BYTES: usize = 128 * MIB;
/// The program itself, an 8 MiB zstd window, lz4's two block buffers and what came out so far.
const PEAK_KIB_MAX: usize = 32 << 10;

fn zeros(bytes: usize) -> impl Read {
    std::io::repeat(0).take(bytes as u64)
}

fn gzip_bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::copy(&mut zeros(BOMB_BYTES), &mut encoder).unwrap();
    encoder.finish().unwrap()
}

fn zstd_bomb() -> Vec<u8> {
    zstd::stream::encode_all(zeros(BOMB_BYTES), 1).unwrap()
}

fn lz4_bomb() -> Vec<u8> {
    use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};
    let info = FrameInfo::new().block_size(BlockSize::Max4MB);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    std::io::copy(&mut zeros(BOMB_BYTES), &mut encoder).unwrap();
    encoder.finish().unwrap()
}

/// Blocks of 32 KiB of zeros, each the same compressed block.
fn snappy_bomb() -> Vec<u8> {
    let block = snap::raw::Encoder::new()
        .compress_vec(&[0; 32 << 10])
        .unwrap();
    let mut frame = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    for _ in 0..BOMB_BYTES / (32 << 10) {
        frame.extend_from_slice(&u32::try_from(block.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(&block);
    }
    frame
}

/// An lz4 frame that says it holds 2^40 bytes, and holds three.
fn lz4_with_a_lying_size() -> Vec<u8> {
    use lz4_flex::frame::{FrameEncoder, FrameInfo};
    let info = FrameInfo::new().content_size(Some(1 << 40));
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(b"abc").unwrap();
    encoder.flush().unwrap();
    let mut frame = encoder.get_ref().clone();
    frame.extend_from_slice(&[0; 4]);
    frame
}

/// A zstd frame whose window is 2 GiB, with one raw block of three bytes.
fn zstd_with_a_huge_window() -> Vec<u8> {
    b"\x28\xb5\x2f\xfd\x00\xa8\x19\0\0abc".to_vec()
}

/// A zstd frame that says it holds 2^40 bytes in one segment.
fn zstd_with_a_lying_size() -> Vec<u8> {
    b"\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\x01\0\0\x19\0\0abc".to_vec()
}

/// The most memory that this process ever had, in KiB; `None` where the system does not say.
fn peak_kib() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn refused_as_too_large(codec: Codec, bomb: Vec<u8>, ratio_min: usize) {
    let ratio = BOMB_BYTES / bomb.len();
    assert!(ratio >= ratio_min, "{codec} bombs with {ratio}:1 only");
    let expected = CodecError::TooLarge {
        codec,
        limit: LIMIT,
    };
    assert_eq!(decompress(codec, &bomb.into(), LIMIT), Err(expected));
}

fn refused_as_damaged(codec: Codec, block: Vec<u8>) {
    let error = decompress(codec, &block.into(), LIMIT).unwrap_err();
    assert!(
        matches!(error, CodecError::Damaged { codec: named, .. } if named == codec),
        "{codec}: {error}"
    );
}

#[test]
fn bombs_and_lying_lengths_are_refused_within_bounded_memory() {
    refused_as_too_large(Codec::Gzip, gzip_bomb(), 200);
    refused_as_too_large(Codec::Zstd, zstd_bomb(), 1_000);
    refused_as_too_large(Codec::Lz4, lz4_bomb(), 200);
    refused_as_too_large(Codec::Snappy, snappy_bomb(), 20);
    refused_as_damaged(Codec::Lz4, lz4_with_a_lying_size());
    refused_as_damaged(Codec::Zstd, zstd_with_a_huge_window());
    refused_as_damaged(Codec::Zstd, zstd_with_a_lying_size());

    // A bare snappy block of 2^32 - 1 bytes, then one just under the limit, neither with the bytes for it.
    let codec = Codec::Snappy;
    let huge = Bytes::from_static(b"\xff\xff\xff\xff\x0f\0a");
    let expected = CodecError::TooLarge {
        codec,
        limit: LIMIT,
    };
    assert_eq!(decompress(codec, &huge, LIMIT), Err(expected));
    refused_as_damaged(codec, b"\xff\xff\x3f\0a".to_vec());

    if let Some(peak) = peak_kib() {
        assert!(peak < PEAK_KIB_MAX, "{peak} KiB were needed");
        println!("at most {peak} KiB were needed");
    }
}
