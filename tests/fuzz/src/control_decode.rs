//! A file's bytes as one of Raft's own entries.

use bytes::Bytes;
use model::batch::Batch;
use model::batch::control::{self, ControlError};

/// One input.
pub fn run(data: &[u8]) {
    let Ok(batch) = Batch::parse(Bytes::copy_from_slice(data)) else {
        return;
    };
    match control::decode(&batch) {
        Ok((kind, payload)) => {
            assert!(batch.header().is_internal());
            let again = control::encode(kind, &payload, batch.header().base_timestamp());
            assert_eq!(again.records(), batch.records());
            assert_eq!(control::decode(&again), Ok((kind, payload)));
        }
        Err(ControlError::NotInternal { .. }) => assert!(!batch.header().is_internal()),
        Err(ControlError::UnknownKind { kind }) => {
            assert_eq!(kind, batch.records().first().copied());
        }
    }
}
