//! Varints at their bounds, and bytes that are none.

use bytes::BytesMut;

use super::*;

fn encoded(value: i64) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    put_varint(&mut bytes, value);
    bytes.to_vec()
}

#[test]
fn known_numbers_have_their_known_bytes() {
    let cases: [(i64, &[u8]); 9] = [
        (0, &[0x00]),
        (-1, &[0x01]),
        (1, &[0x02]),
        (63, &[0x7e]),
        (-64, &[0x7f]),
        (64, &[0x80, 0x01]),
        (-65, &[0x81, 0x01]),
        (
            i64::MAX,
            &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ),
        (
            i64::MIN,
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ),
    ];
    for (value, bytes) in cases {
        assert_eq!(encoded(value), bytes, "{value}");
        assert_eq!(take_varint(&mut &bytes[..]), Some(value));
    }
}

#[test]
fn every_power_of_two_and_its_neighbours_come_back_and_have_the_promised_size() {
    for shift in 0..64 {
        for near in -2..=2 {
            for value in [
                (1_i64 << shift).wrapping_add(near),
                (1_i64 << shift).wrapping_neg().wrapping_add(near),
            ] {
                let bytes = encoded(value);
                assert_eq!(bytes.len(), varint_bytes(value), "{value}");
                let mut rest = &bytes[..];
                assert_eq!(take_varint(&mut rest), Some(value));
                assert!(rest.is_empty());
            }
        }
    }
}

#[test]
fn a_varint_cut_anywhere_is_none() {
    for value in [64, -65, 1 << 40, i64::MIN, i64::MAX] {
        let bytes = encoded(value);
        for cut in 0..bytes.len() {
            assert_eq!(
                take_varint(&mut &bytes[..cut]),
                None,
                "{value} cut to {cut}"
            );
        }
    }
}

#[test]
fn more_than_64_bits_are_none() {
    let mut bytes = [0xff_u8; 10];
    bytes[9] = 0x02;
    assert_eq!(take_varint(&mut &bytes[..]), None);
    assert_eq!(take_varint(&mut &[0xff_u8; 11][..]), None);
    assert_eq!(take_varint(&mut &[0x80_u8; 64][..]), None);
}

#[test]
fn a_varint_takes_no_byte_behind_its_own() {
    let mut rest = &[0x81_u8, 0x01, 0xaa][..];
    assert_eq!(take_varint(&mut rest), Some(-65));
    assert_eq!(rest, [0xaa]);
}
