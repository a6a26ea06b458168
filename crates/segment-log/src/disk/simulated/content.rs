//! The bytes of one simulated file: what reads show, what the platter holds, and what lies between.
//!
//! It knows neither names nor handles.

use std::io::{self, ErrorKind};
use std::ops::Range;

use super::chance::Chance;

/// What a device writes as a whole or not at all.
const SECTOR_BYTES: u64 = 512;
/// A file longer than this is a mistake of a test, not something to keep in memory.
const LENGTH_MAX: u64 = 1 << 30;

enum Change {
    Write {
        position: u64,
        bytes: Vec<u8>,
    },
    /// Zeros beyond the end.
    Zeros(Range<u64>),
    Length(u64),
}

/// One file's bytes.
#[derive(Default)]
pub(super) struct Content {
    /// What reads show: every write so far.
    cached: Vec<u8>,
    /// What is certain to survive a power cut.
    durable: Vec<u8>,
    /// Changes since the last sync, in order.
    unsynced: Vec<Change>,
}

impl Content {
    pub(super) fn length(&self) -> u64 {
        self.cached.len() as u64
    }

    /// `UnexpectedEof` past the length.
    pub(super) fn read(&self, range: Range<u64>) -> io::Result<&[u8]> {
        index_range(range)
            .and_then(|range| self.cached.get(range))
            .ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    pub(super) fn write(&mut self, position: u64, bytes: Vec<u8>) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        match position.checked_add(bytes.len() as u64) {
            Some(end) if end <= LENGTH_MAX => {}
            _ => return Err(ErrorKind::FileTooLarge.into()),
        }
        put(&mut self.cached, position, &bytes);
        self.unsynced.push(Change::Write { position, bytes });
        Ok(())
    }

    /// As a write of zeros that makes the file longer.
    pub(super) fn write_zeros(&mut self, range: Range<u64>) -> io::Result<()> {
        if range.end > LENGTH_MAX {
            return Err(ErrorKind::FileTooLarge.into());
        }
        let length = range.end.max(self.length());
        resize(&mut self.cached, length);
        self.unsynced.push(Change::Zeros(range));
        Ok(())
    }

    pub(super) fn set_length(&mut self, length: u64) -> io::Result<()> {
        if length > LENGTH_MAX {
            return Err(ErrorKind::FileTooLarge.into());
        }
        resize(&mut self.cached, length);
        self.unsynced.push(Change::Length(length));
        Ok(())
    }

    /// Everything written so far is on the platter, but for what an earlier failed sync dropped.
    pub(super) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            match change {
                Change::Write { position, bytes } => put(&mut self.durable, position, &bytes),
                Change::Zeros(range) => put_zeros(&mut self.durable, range),
                Change::Length(length) => resize(&mut self.durable, length),
            }
        }
    }

    /// A sync that fails: its data never reaches the platter, while the cache goes on showing it and holds
    /// it for written (what Linux does: LWN 752063, "fsyncgate").
    pub(super) fn fail_sync(&mut self) {
        self.unsynced.clear();
    }

    /// A power cut: each unsynced change survives, is lost or is torn, whatever became of the others.
    pub(super) fn lose_power(&mut self, chance: &mut Chance) {
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::Write { position, bytes } => match chance.below(4) {
                    0 => put(&mut self.durable, position, &bytes),
                    1 => {}
                    2 => tear(&mut self.durable, position, &bytes, chance),
                    // The new length reached the journal, the data did not: zeros.
                    _ => {
                        let end = position + bytes.len() as u64;
                        let length = end.max(self.durable.len() as u64);
                        resize(&mut self.durable, length);
                    }
                },
                Change::Zeros(range) => match chance.below(4) {
                    0 => put_zeros(&mut self.durable, range),
                    1 => {}
                    // What lay there before a lost truncation survives in some sectors.
                    2 => {
                        let zeros = vec![0; (range.end - range.start) as usize];
                        tear(&mut self.durable, range.start, &zeros, chance);
                    }
                    _ => {
                        let length = range.end.max(self.durable.len() as u64);
                        resize(&mut self.durable, length);
                    }
                },
                Change::Length(length) => {
                    if chance.coin() {
                        resize(&mut self.durable, length);
                    }
                }
            }
        }
        self.cached.clone_from(&self.durable);
    }

    /// Damages the medium: cache and platter alike. `false` beyond the end.
    pub(super) fn flip_bit(&mut self, byte: u64, bit: u32) -> bool {
        let Ok(index) = usize::try_from(byte) else {
            return false;
        };
        let mask = 1u8 << (bit % 8);
        if let Some(byte) = self.durable.get_mut(index) {
            *byte ^= mask;
        }
        match self.cached.get_mut(index) {
            Some(byte) => {
                *byte ^= mask;
                true
            }
            None => false,
        }
    }

    /// Damages the medium: cache and platter alike hold other bytes. `false` beyond the end.
    pub(super) fn overwrite(&mut self, position: u64, bytes: &[u8]) -> bool {
        let range = position..position.saturating_add(bytes.len() as u64);
        let Some(range) = index_range(range).filter(|range| range.end <= self.cached.len()) else {
            return false;
        };
        for (index, byte) in range.zip(bytes) {
            if let Some(durable) = self.durable.get_mut(index) {
                *durable = *byte;
            }
            if let Some(cached) = self.cached.get_mut(index) {
                *cached = *byte;
            }
        }
        true
    }

    /// What is certain to survive a power cut.
    pub(super) fn durable(&self) -> &[u8] {
        &self.durable
    }
}

/// Each sector of the write survives or not.
fn tear(durable: &mut Vec<u8>, position: u64, bytes: &[u8], chance: &mut Chance) {
    let mut position = position;
    let mut left = bytes;
    while !left.is_empty() {
        let in_sector = SECTOR_BYTES - position % SECTOR_BYTES;
        let length = left.len().min(in_sector as usize);
        let (sector, rest) = left.split_at(length);
        if chance.coin() {
            put(durable, position, sector);
        }
        position += length as u64;
        left = rest;
    }
}

/// Writes zeros as [`put`] would.
fn put_zeros(to: &mut Vec<u8>, range: Range<u64>) {
    let length = to.len() as u64;
    resize(to, range.end.max(length));
    if let Some(old) =
        index_range(range.start..range.end.min(length)).and_then(|old| to.get_mut(old))
    {
        old.fill(0);
    }
}

/// Writes into a vector as into a file: it grows, a gap is zeros.
fn put(to: &mut Vec<u8>, position: u64, bytes: &[u8]) {
    let end = position + bytes.len() as u64;
    if end > to.len() as u64 {
        resize(to, end);
    }
    if let Some(target) = index_range(position..end).and_then(|range| to.get_mut(range)) {
        target.copy_from_slice(bytes);
    }
}

/// Lengths are at most [`LENGTH_MAX`], hence fit an index.
fn resize(bytes: &mut Vec<u8>, length: u64) {
    bytes.resize(length as usize, 0);
}

fn index_range(range: Range<u64>) -> Option<Range<usize>> {
    Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
}
