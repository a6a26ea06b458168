//! Codecs: damaged and truncated blocks, the limit, and the framings that other clients write.

use std::io::Write;

use bytes::Bytes;
use model::batch::codec::{compress, decompress};
use model::batch::{Codec, CodecError};
use rand::Rng;

use crate::seed::{seeded, some_bytes};

const COMPRESSING: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

#[test]
fn every_codec_gives_back_what_it_took_at_every_size() {
    let mut rng = seeded();
    let sizes = [0, 1, 2, 100, 32 << 10, (32 << 10) + 1, 70_000, 300_000];
    for codec in Codec::ALL {
        for size in sizes {
            let plain = Bytes::from(some_bytes(&mut rng, size));
            let block = compress(codec, plain.clone()).unwrap();
            let again = decompress(codec, &block, plain.len()).unwrap();
            assert_eq!(again, plain, "{codec}, {} bytes", plain.len());
        }
    }
}

#[test]
fn the_limit_is_the_last_size_that_passes() {
    for codec in COMPRESSING {
        let block = compress(codec, vec![b'a'; 100_000].into()).unwrap();
        assert_eq!(decompress(codec, &block, 100_000).unwrap().len(), 100_000);
        for limit in [0, 1, 99_999] {
            let expected = CodecError::TooLarge { codec, limit };
            assert_eq!(decompress(codec, &block, limit), Err(expected));
        }
        assert!(decompress(codec, &block, usize::MAX).is_ok(), "{codec}");
    }
}

#[test]
fn a_block_cut_at_any_byte_is_damaged_or_shorter() {
    let plain: Bytes = b"a block that repeats itself, a block that repeats itself"[..].into();
    for codec in COMPRESSING {
        let block = compress(codec, plain.clone()).unwrap();
        for cut in 0..block.len() {
            match decompress(codec, &block.slice(..cut), 1_000) {
                // The record count of the header tells on such a block.
                Ok(short) => assert!(
                    plain.starts_with(&short) && (short.len() < plain.len() || codec == Codec::Lz4),
                    "{codec} cut at {cut}"
                ),
                Err(CodecError::Damaged { .. }) => {}
                // Without its whole magic it is a bare block, whose length is then any number.
                Err(CodecError::TooLarge { .. }) if codec == Codec::Snappy && cut < 8 => {}
                Err(other) => panic!("{codec} cut at {cut}: {other}"),
            }
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_never_panics_and_keeps_the_limit() {
    let mut rng = seeded();
    let plain = Bytes::from(some_bytes(&mut rng, 2_000));
    for codec in COMPRESSING {
        let block = compress(codec, plain.clone()).unwrap();
        for bit in 0..block.len() * 8 {
            let mut flipped = block.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(out) = decompress(codec, &flipped.into(), 3_000) {
                assert!(out.len() <= 3_000, "{codec}, bit {bit}");
            }
        }
    }
}

#[test]
fn several_gzip_members_and_zstd_frames_are_one_block() {
    for codec in [Codec::Gzip, Codec::Zstd] {
        let one = compress(codec, Bytes::from_static(b"one ")).unwrap();
        let two = compress(codec, Bytes::from_static(b"two")).unwrap();
        let both = Bytes::from([one, two].concat());
        assert_eq!(decompress(codec, &both, 7).unwrap(), "one two");
        let limit = 6;
        let expected = CodecError::TooLarge { codec, limit };
        assert_eq!(decompress(codec, &both, limit), Err(expected));
    }
}

#[test]
fn a_bare_snappy_block_reads_as_librdkafka_writes_it() {
    let mut rng = seeded();
    let plain = some_bytes(&mut rng, 100_000);
    let bare = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
    let again = decompress(Codec::Snappy, &bare.into(), 100_000).unwrap();
    assert_eq!(again, plain);
}

#[test]
fn lz4_frames_with_linked_blocks_checksums_and_a_content_size_read() {
    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    let plain = vec![b'z'; 200_000];
    for mode in [BlockMode::Independent, BlockMode::Linked] {
        let info = FrameInfo::new()
            .block_mode(mode)
            .block_size(BlockSize::Max64KB)
            .block_checksums(true)
            .content_checksum(true)
            .content_size(Some(plain.len() as u64));
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(&plain).unwrap();
        let frame = encoder.finish().unwrap().into();
        let again = decompress(Codec::Lz4, &frame, plain.len()).unwrap();
        assert_eq!(again, plain, "{mode:?}");
    }
}

#[test]
fn snappy_frames_that_end_early_are_damaged() {
    let framed = compress(Codec::Snappy, Bytes::from_static(b"abcdef")).unwrap();
    for cut in (8..16).chain(17..framed.len()) {
        let error = decompress(Codec::Snappy, &framed.slice(..cut), 100).unwrap_err();
        assert!(matches!(error, CodecError::Damaged { .. }), "cut at {cut}");
    }
}

#[test]
fn names_and_numbers_of_codecs_are_kafkas() {
    for (number, name) in ["none", "gzip", "snappy", "lz4", "zstd"].iter().enumerate() {
        let codec: Codec = name.parse().unwrap();
        assert_eq!(usize::from(codec.number()), number);
        assert_eq!(Codec::from_number(codec.number()), Some(codec));
        assert_eq!(codec.to_string(), *name);
    }
    assert_eq!(Codec::from_number(5), None);
    assert_eq!("GZIP".parse::<Codec>(), Err(()));
}

#[test]
fn random_bytes_are_damaged_and_never_panic() {
    let mut rng = seeded();
    for _ in 0..20_000 {
        let mut block = some_bytes(&mut rng, 64);
        // Half of them begin like the real thing, so that the rest of the format is reached too.
        let codec = COMPRESSING[rng.random_range(0..4)];
        if rng.random() {
            let start = compress(codec, Bytes::from_static(b"abcabcabc")).unwrap();
            let kept = rng.random_range(0..start.len());
            block.splice(0..0, start[..kept].iter().copied());
        }
        if let Ok(out) = decompress(codec, &block.into(), 4_096) {
            assert!(out.len() <= 4_096);
        }
    }
}
