//! Encoded batches that a client has forged or the wire has damaged.

use bytes::{BufMut, BytesMut};
use model::batch::Codec;
use rpc::v1;

use crate::stage::{Stage, batch, encoded, reason_in, value, values};

/// Changes a batch's bytes and sets the CRC that they then have.
fn forged(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = batch(&["a", "b"], Codec::None).to_bytes().to_vec();
    change(&mut bytes);
    let mut crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    crc.update(&bytes[21..]);
    let crc = u32::try_from(crc.finalize()).unwrap();
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes
}

#[tokio::test]
async fn each_forgery_is_refused_by_its_reason_and_nothing_is_written() {
    let stage = Stage::open().await;
    stage
        .create("t", 1, &[("max.message.bytes", "10000")])
        .await;
    let sound = batch(&["a", "b"], Codec::None).to_bytes();
    let mut damaged = sound.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let mut long = sound.to_vec();
    long.push(0);
    let far_future = v1::Record {
        timestamp_ms: Some(i64::MAX),
        ..value("x")
    };
    let far_future =
        rpc::encode([&far_future], Codec::None, None, crate::stage::some_time()).unwrap();
    let cases: [(&str, Vec<u8>); 15] = [
        ("CORRUPT_BATCH", damaged),
        ("CORRUPT_BATCH", long),
        ("CORRUPT_BATCH", sound[..sound.len() - 1].to_vec()),
        ("CORRUPT_BATCH", Vec::new()),
        ("CORRUPT_BATCH", forged(|b| b[16] = 1)),
        (
            "CORRUPT_BATCH",
            forged(|b| b[8..12].copy_from_slice(&(-1_i32).to_be_bytes())),
        ),
        ("UNKNOWN_CODEC", forged(|b| b[22] |= 7)),
        ("CONTROL_BATCH", forged(|b| b[22] |= 1 << 5)),
        ("TRANSACTIONAL_BATCH", forged(|b| b[22] |= 1 << 4)),
        ("UNKNOWN_ATTRIBUTES", forged(|b| b[22] |= 1 << 7)),
        ("WRONG_RECORD_COUNT", forged(|b| b[60] = 9)),
        (
            "WRONG_RECORD_COUNT",
            forged(|b| b[57..61].copy_from_slice(&(-1_i32).to_be_bytes())),
        ),
        // Producer 7, sequence still -1.
        (
            "NEGATIVE_SEQUENCE",
            forged(|b| b[43..51].copy_from_slice(&7_i64.to_be_bytes())),
        ),
        ("TIMESTAMP_OUT_OF_RANGE", far_future.to_bytes().to_vec()),
        (
            "BATCH_TOO_LARGE",
            batch(&[&"x".repeat(20_000)], Codec::None)
                .to_bytes()
                .to_vec(),
        ),
    ];
    for (expected, bytes) in cases {
        let result = stage.produce(vec![encoded("t", bytes)]).await.remove(0);
        let error = result.error.unwrap_or_default();
        assert_eq!(error.reason, expected, "{}", error.message);
        assert!(error.message.contains("`t`"), "{}", error.message);
        assert_eq!(
            error.metadata.get("partition").map(String::as_str),
            Some("0")
        );
    }
    let read = stage.fetch("t", 0, v1::RecordFormat::Plain).await;
    assert_eq!((read.high_watermark, read.records.len()), (0, 0));
}

/// A batch whose records decompress to 100 MiB of zeros.
fn bomb() -> Vec<u8> {
    let zeros = vec![0; 100 << 20];
    let block = model::batch::codec::compress(Codec::Zstd, zeros.into()).unwrap();
    let mut bytes = BytesMut::from(&batch(&["a"], Codec::Zstd).to_bytes()[..61]);
    bytes.put_slice(&block);
    let length = u32::try_from(bytes.len() - 12).unwrap();
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    let mut crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    crc.update(&bytes[21..]);
    let crc = u32::try_from(crc.finalize()).unwrap();
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes.to_vec()
}

#[tokio::test]
async fn a_bomb_is_only_fetched_encoded_and_can_be_skipped() {
    let stage = Stage::open().await;
    let results = stage.produce(vec![encoded("t", bomb())]).await;
    assert_eq!(results[0].error, None);
    stage
        .produce(vec![crate::stage::plain("t", 0, &["behind"])])
        .await;
    let plain = stage.fetch("t", 0, v1::RecordFormat::Plain).await;
    let error = plain.error.unwrap_or_default();
    assert_eq!(error.reason, "DECOMPRESSED_TOO_LARGE", "{}", error.message);
    let next: i64 = error.metadata["next_offset"].parse().unwrap();
    let behind = stage.fetch("t", next, v1::RecordFormat::Plain).await;
    assert_eq!(values(&behind.records), ["behind"]);
    let encoded = stage.fetch("t", 0, v1::RecordFormat::Encoded).await;
    assert_eq!(reason_in(encoded.error), "");
    assert!(!encoded.batches.is_empty());
}
