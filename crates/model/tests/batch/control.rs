//! Raft's own entries: what goes in comes out, and nothing else passes for one.

use model::batch::control::{self, ControlError, ControlKind};
use model::batch::{Codec, Records};
use model::{Offset, Term, Timestamp};

use crate::craft::{ATTRIBUTES, Crafted, LAST_OFFSET_DELTA, sound};
use crate::seed::{seeded, some_bytes};

#[test]
fn a_payload_comes_back_as_it_was() {
    let mut rng = seeded();
    for _ in 0..200 {
        let payload = some_bytes(&mut rng, 300);
        let batch = control::encode(ControlKind::Command, &payload, Timestamp::default());
        batch.check_crc().unwrap();
        let (kind, decoded) = control::decode(&batch).unwrap();
        assert_eq!((kind, &decoded[..]), (ControlKind::Command, &payload[..]));
    }
}

#[test]
fn an_internal_entry_takes_no_offset_and_shows_no_record() {
    let mut batch = control::encode(ControlKind::Blank, b"payload", Timestamp::default());
    batch.stamp(Offset::new(12), Term::new(3).unwrap());
    assert!(batch.header().is_internal());
    assert_eq!(batch.header().end_offset(), Offset::new(12));
    assert_eq!(Records::of(&batch, 0).unwrap().count(), 0);
}

#[test]
fn a_batch_of_records_is_no_internal_entry() {
    let mut batch = sound(Codec::None);
    batch.stamp(Offset::new(4), Term::ZERO);
    let expected = ControlError::NotInternal {
        base_offset: Offset::new(4),
    };
    assert_eq!(control::decode(&batch), Err(expected));
}

#[test]
fn a_transaction_marker_is_no_internal_entry() {
    // One record and an offset of its own.
    let marker = Crafted::from(&sound(Codec::None))
        .set(ATTRIBUTES, &0x30_u16.to_be_bytes())
        .set(LAST_OFFSET_DELTA, &0_i32.to_be_bytes())
        .sealed();
    assert!(matches!(
        control::decode(&marker),
        Err(ControlError::NotInternal { .. })
    ));
}

#[test]
fn a_kind_from_a_newer_version_is_named() {
    let blank = control::encode(ControlKind::Blank, b"", Timestamp::default());
    for kind in [0, 6, 255] {
        let batch = Crafted::from(&blank).with_block(&[kind, 1, 2]).sealed();
        let expected = ControlError::UnknownKind { kind: Some(kind) };
        assert_eq!(control::decode(&batch), Err(expected));
    }
    let empty = Crafted::from(&blank).with_block(b"").sealed();
    assert_eq!(
        control::decode(&empty),
        Err(ControlError::UnknownKind { kind: None })
    );
}
