//! The records of a batch. The first byte picks the codec, the second the count, the rest is the block:
//! a whole batch would seldom get past its own header.

use bytes::Bytes;
use model::batch::{Batch, BatchBuilder, Codec, HEADER_BYTES, Records};

const BYTES_MAX: usize = 1 << 20;

/// One input.
pub fn run(data: &[u8]) {
    let [codec, count, block @ ..] = data else {
        return;
    };
    let batch = batch_of(codec % 8, *count, block);
    let Ok(records) = Records::of(&batch, BYTES_MAX) else {
        return;
    };
    let mut offset_min = batch.header().base_offset();
    let mut read = Vec::new();
    for record in records {
        let Ok(record) = record else {
            return;
        };
        assert!(record.offset >= offset_min && record.offset < batch.header().end_offset());
        offset_min = record.offset.next();
        read.push(record);
    }
    assert_eq!(
        Ok(read.len()),
        usize::try_from(batch.header().record_count())
    );
    if read.is_empty() {
        return;
    }
    // What was read can be written, and reads the same.
    let mut builder = BatchBuilder::new(Codec::None);
    for record in &read {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        builder.push(record.timestamp, key, value, &record.headers);
    }
    let rebuilt = builder.build().expect("there are records");
    let again = Records::of(&rebuilt, BYTES_MAX).expect("it is plain");
    for (again, record) in again.zip(&read) {
        let again = again.expect("it was just written");
        assert_eq!(again.timestamp, record.timestamp);
        assert_eq!((&again.key, &again.value), (&record.key, &record.value));
        assert_eq!(again.headers, record.headers);
    }
}

/// A batch at offset 0 that promises `count` records and holds `block`.
fn batch_of(codec: u8, count: u8, block: &[u8]) -> Batch {
    let mut bytes = vec![0_u8; HEADER_BYTES];
    let length = u32::try_from(HEADER_BYTES - 12 + block.len()).expect("inputs are small");
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[16] = 2;
    bytes[22] = codec;
    bytes[23..27].copy_from_slice(&(i32::from(count) - 1).to_be_bytes());
    bytes[57..61].copy_from_slice(&i32::from(count).to_be_bytes());
    bytes.extend_from_slice(block);
    Batch::parse(Bytes::from(bytes)).expect("the header is sound")
}
