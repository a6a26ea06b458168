//! A compressed block. The first byte picks the codec, the rest is the block.

use bytes::Bytes;
use model::batch::Codec;
use model::batch::codec::{compress, decompress};

const LIMIT: usize = 1 << 20;

/// One input.
pub fn run(data: &[u8]) {
    let Some((number, block)) = data.split_first() else {
        return;
    };
    let Some(codec) = Codec::from_number(number % 5) else {
        return;
    };
    let block = Bytes::copy_from_slice(block);
    if let Ok(plain) = decompress(codec, &block, LIMIT) {
        assert!(plain.len() <= LIMIT.max(block.len()));
    }
    // The other way: any bytes survive the codec.
    let compressed = compress(codec, block.clone()).expect("any bytes compress");
    assert_eq!(decompress(codec, &compressed, block.len()), Ok(block));
}
