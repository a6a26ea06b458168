//! The bytes of a record, worked out from its short name in the history: wrong bytes are noticed, and histories stay
//! small.

/// The bytes of the value with this name.
pub(super) fn bytes_of(name: &str) -> Vec<u8> {
    let sum = name.bytes().fold(7_u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    let padding = if sum.is_multiple_of(50) {
        3_000
    } else {
        sum % 150
    };
    let mut bytes = format!("{name}|").into_bytes();
    bytes.extend((0..padding).map(|index| (sum.wrapping_add(index * index) % 251) as u8));
    bytes
}

/// The name of a value; fails where its bytes are not those of that name.
pub(super) fn name_of(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|byte| *byte == b'|')
        .expect("a value has a name");
    let name = String::from_utf8(bytes[..end].to_vec()).expect("a name is text");
    assert!(
        bytes == bytes_of(&name),
        "the value of `{name}` has other bytes than were sent: {bytes:?}"
    );
    name
}
