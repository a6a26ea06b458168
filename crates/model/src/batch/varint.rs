//! Zigzag variable-length integers, as records use them (Protocol Buffers' sint32 and sint64).

use bytes::{Buf, BufMut};

/// Appends a zigzag varint.
pub(super) fn put_varint(buffer: &mut impl BufMut, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        buffer.put_u8((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    buffer.put_u8(rest as u8);
}

/// Takes a zigzag varint; `None` where the bytes end early or the number has more than 64 bits.
pub(super) fn take_varint(buffer: &mut impl Buf) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        if !buffer.has_remaining() {
            return None;
        }
        let byte = buffer.get_u8();
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()));
        }
    }
    None
}

/// How many bytes a zigzag varint takes.
pub(super) fn varint_bytes(value: i64) -> usize {
    let zigzag = ((value << 1) ^ (value >> 63)).cast_unsigned();
    (64 - (zigzag | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests;
