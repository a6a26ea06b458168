//! Which addresses belong to which mapped file, readable from a signal handler.
//!
//! A table of fixed size made of atomics: no lock, no allocation. When it is full, further maps go
//! unnamed. It knows addresses and names, not maps.

use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// The longest name kept, in bytes; of a longer one its end is kept, which tells most.
pub(super) const NAME_BYTES: usize = 144;
const SLOTS: usize = 4096;

const FREE: u8 = 0;
const CHANGING: u8 = 1;
const NAMED: u8 = 2;

struct Slot {
    state: AtomicU8,
    name_length: AtomicU8,
    start: AtomicUsize,
    end: AtomicUsize,
    name: [AtomicU8; NAME_BYTES],
}

static TABLE: [Slot; SLOTS] = [const {
    Slot {
        state: AtomicU8::new(FREE),
        name_length: AtomicU8::new(0),
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        name: [const { AtomicU8::new(0) }; NAME_BYTES],
    }
}; SLOTS];

/// Where the search for a free slot starts: behind the last one taken.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A named range of addresses; dropping it frees its place in the table.
pub(super) struct NamedRange(&'static Slot);

impl NamedRange {
    /// Names a range of addresses; `None` when the table is full.
    pub(super) fn new(addresses: Range<usize>, name: &[u8]) -> Option<Self> {
        let first = NEXT.fetch_add(1, Ordering::Relaxed);
        let slot = TABLE
            .iter()
            .cycle()
            .skip(first % SLOTS)
            .take(SLOTS)
            .find(|slot| {
                slot.state
                    .compare_exchange(FREE, CHANGING, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            })?;
        let kept = name
            .get(name.len().saturating_sub(NAME_BYTES)..)
            .unwrap_or(name);
        slot.start.store(addresses.start, Ordering::Relaxed);
        slot.end.store(addresses.end, Ordering::Relaxed);
        for (to, from) in slot.name.iter().zip(kept) {
            to.store(*from, Ordering::Relaxed);
        }
        // NAME_BYTES fits a byte.
        slot.name_length.store(kept.len() as u8, Ordering::Relaxed);
        slot.state.store(NAMED, Ordering::Release);
        Some(Self(slot))
    }
}

impl Drop for NamedRange {
    fn drop(&mut self) {
        self.0.state.store(FREE, Ordering::Release);
    }
}

/// Copies the name of the range that holds `address` into `name` and returns its length in bytes.
/// Async-signal-safe.
pub(super) fn name_of(address: usize, name: &mut [u8; NAME_BYTES]) -> Option<usize> {
    let slot = TABLE.iter().find(|slot| {
        slot.state.load(Ordering::Acquire) == NAMED
            && slot.start.load(Ordering::Relaxed) <= address
            && address < slot.end.load(Ordering::Relaxed)
    })?;
    for (to, from) in name.iter_mut().zip(&slot.name) {
        *to = from.load(Ordering::Relaxed);
    }
    Some(usize::from(slot.name_length.load(Ordering::Relaxed)).min(NAME_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Addresses that no map of this process has.
    const NOWHERE: usize = usize::MAX - 8192;

    #[test]
    fn an_address_is_named_by_its_range_until_that_is_dropped() {
        let mut name = [0; NAME_BYTES];
        let range = NamedRange::new(NOWHERE..NOWHERE + 4096, b"a/b.log").unwrap();
        let length = name_of(NOWHERE + 4095, &mut name).unwrap();
        assert_eq!(&name[..length], b"a/b.log");
        assert_eq!(name_of(NOWHERE + 4096, &mut name), None);
        drop(range);
        assert_eq!(name_of(NOWHERE, &mut name), None);
    }

    #[test]
    fn of_a_long_name_the_end_is_kept() {
        let mut name = [0; NAME_BYTES];
        let mut long = vec![b'x'; 4 * NAME_BYTES];
        long.extend_from_slice(b"/7.log");
        // Not beside the other test's range, which asks about its neighbour.
        let at = NOWHERE - 65_536;
        let _range = NamedRange::new(at..at + 4096, &long).unwrap();
        assert_eq!(name_of(at, &mut name), Some(NAME_BYTES));
        assert!(name.ends_with(b"/7.log"));
    }
}
