//! The records of one frame: `u8 key bytes, u16 value bytes, key, value`, repeated.

use super::Values;

pub(super) fn encode_records(records: &Values) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in records {
        // Both lengths were checked when the record was staged.
        bytes.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value);
    }
    bytes
}

/// `None` where the bytes end inside a record.
pub(super) fn decode_records(mut bytes: &[u8]) -> Option<Values> {
    let mut records = Values::new();
    while !bytes.is_empty() {
        let ([key, v0, v1], rest) = bytes.split_first_chunk::<3>()?;
        let (key, rest) = rest.split_at_checked(usize::from(*key))?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*v0, *v1])))?;
        records.insert(key.to_vec(), value.to_vec());
        bytes = rest;
    }
    Some(records)
}
