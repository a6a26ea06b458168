//! A client's plain records, to a batch and back: what is accepted reads as it was sent, and passes the broker's check.

use model::batch::{Codec, ProduceLimits, Records, validate_produced};
use model::{Timestamp, TimestampType};
use rpc::codec::BoundedDecoder;
use rpc::v1;
use rpc::v1::produce_batch::Payload;

const BYTES_MAX: usize = 1 << 20;
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// One input.
pub fn run(data: &[u8]) {
    if let Ok(request) = BoundedDecoder::<v1::ProduceRequest>::default().read(data) {
        request.batches.into_iter().for_each(check_batch);
    }
    if let Ok(request) = BoundedDecoder::<v1::ProduceStreamRequest>::default().read(data) {
        request.batch.into_iter().for_each(check_batch);
    }
}

fn check_batch(batch: v1::ProduceBatch) {
    let Some(Payload::Records(records)) = batch.payload else {
        return;
    };
    let Ok(stamp) = records
        .sequence
        .as_ref()
        .map(rpc::producer_stamp)
        .transpose()
    else {
        return;
    };
    let Ok(compression) = v1::Compression::read("compression", records.compression) else {
        return;
    };
    let Ok(built) = rpc::encode(&records.records, Codec::from(compression), stamp, NOW) else {
        return;
    };
    let limits = ProduceLimits {
        batch_bytes_max: BYTES_MAX as u64,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max: None,
        timestamp_after_max: None,
    };
    assert_eq!(validate_produced(&built, &limits, NOW), Ok(()));
    assert_eq!(built.header().producer(), stamp);
    let read: Vec<v1::Record> = Records::of(&built, BYTES_MAX)
        .expect("it was just built")
        .map(|record| record.expect("it was just built").into())
        .collect();
    assert_eq!(read.len(), records.records.len());
    for (at, (read, mut sent)) in (0_i64..).zip(read.into_iter().zip(records.records)) {
        sent.timestamp_ms.get_or_insert(NOW.as_millis());
        sent.offset = Some(at);
        assert_eq!(read, sent);
    }
}
