//! A client's or a file's bytes as batches, one behind the other, validated as a broker does.

use bytes::Bytes;
use model::batch::{Batch, HEADER_BYTES, ProduceLimits, validate_produced};
use model::{Timestamp, TimestampType};

/// One input.
pub fn run(data: &[u8]) {
    let mut rest = Bytes::copy_from_slice(data);
    loop {
        let before = rest.clone();
        let Ok(batch) = Batch::split_off(&mut rest) else {
            assert_eq!(rest, before, "a failed split takes nothing");
            return;
        };
        let taken = before.len() - rest.len();
        assert!(taken >= HEADER_BYTES);
        assert_eq!(batch.to_bytes(), before[..taken]);
        let header = batch.header();
        assert_eq!(header.total_bytes(), taken);
        assert!(header.end_offset() >= header.base_offset());
        let _ = (header.codec(), header.producer(), header.term());
        check_validation(&batch);
        check_append_time(batch);
    }
}

/// What passes the broker's check has as many records as offsets, and no bit that a client may not set.
fn check_validation(batch: &Batch) {
    let limits = ProduceLimits {
        batch_bytes_max: 1 << 20,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max: None,
        timestamp_after_max: None,
    };
    if validate_produced(batch, &limits, Timestamp::default()).is_ok() {
        let header = batch.header();
        assert!(header.record_count() > 0);
        assert_eq!(header.record_count(), header.last_offset_delta() + 1);
        assert!(!header.is_control() && !header.is_transactional());
        assert!(header.codec().is_ok());
    }
}

/// The broker's own change leaves a batch with a sound CRC.
fn check_append_time(mut batch: Batch) {
    batch.set_append_time(Timestamp::from_millis(1));
    assert_eq!(batch.check_crc(), Ok(()));
}
