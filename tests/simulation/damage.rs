//! Damage of the medium: bits that turn, and writes that land where they were not meant to.
//!
//! Every committed entry must stay whole on somebody's disk, for nobody can bring back what is damaged everywhere. So
//! a second replica is damaged only in segments whose entries are whole wherever else they are, and the segment that is
//! written to only where its end was noted long ago: nearer to its end, damage cannot be told from a torn write.

use std::ops::Range;
use std::path::{Path, PathBuf};

use segment_log::disk::{Disk, SimulatedDisk};
use strandline_tests::chance::Chance;

use crate::node::group_path;

/// What a disk writes as a whole.
const SECTOR_BYTES: u64 = 512;
/// The batch's length field counts from behind itself.
const BEFORE_LENGTH: usize = 8;
const BEFORE_BODY: usize = 12;

/// Something that was done to a replica's files.
#[derive(Clone, Debug)]
pub(crate) struct Harm {
    pub(crate) path: PathBuf,
    pub(crate) position: u64,
    /// What lies there now.
    bad: Vec<u8>,
    /// The entries that it may hide; `None` for a file beside the segments.
    pub(crate) entries: Option<Range<u64>>,
}

impl Harm {
    /// Whether other bytes lie there now, or the file is gone.
    pub(crate) fn is_healed(&self, disk: &SimulatedDisk) -> bool {
        let range = self.position as usize..self.position as usize + self.bad.len();
        let bytes = disk.bytes(&self.path).unwrap_or_default();
        bytes.get(range) != Some(&self.bad[..])
    }

    /// Whether some of its bytes are others' too. What comes upon damage may be what lay there before.
    fn covers(&self, other: &Self) -> bool {
        let range = |harm: &Self| harm.position..harm.position + harm.bad.len() as u64;
        let (one, another) = (range(self), range(other));
        self.path == other.path && one.start < another.end && another.start < one.end
    }

    /// Whether both hide an entry, or it is not known that they do not.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (&self.entries, &other.entries) {
            (Some(one), Some(other)) => one.start < other.end && other.start < one.end,
            _ => true,
        }
    }
}

/// A place where a replica may be damaged.
struct Place {
    path: PathBuf,
    /// Bytes of which damage is always noticed.
    bytes: Range<u64>,
    entries: Option<Range<u64>>,
}

/// Looks for a place in the group's files; entries below `settled` were durable long ago.
fn places(disk: &SimulatedDisk, settled: u64) -> Vec<Place> {
    let Ok(files) = disk.list(&group_path()) else {
        return Vec::new();
    };
    let mut segments = Vec::new();
    let mut places = Vec::new();
    for file in files {
        let path = group_path().join(&file.name);
        match first_index(&file.name) {
            Some(first) => segments.push((first, path, file.length)),
            None if file.is_directory || file.length == 0 => {}
            None => places.push(Place {
                path,
                bytes: 0..file.length,
                entries: None,
            }),
        }
    }
    segments.sort();
    let ends = segments.iter().skip(1).map(|(first, ..)| Some(*first));
    let ends: Vec<_> = ends.chain([None]).collect();
    for ((first, path, length), end) in segments.into_iter().zip(ends) {
        let bytes = match end {
            // It was synced before its successor began.
            Some(_) => length,
            None => settled_bytes(disk, &path, settled.saturating_sub(first)),
        };
        places.push(Place {
            path,
            bytes: 0..bytes,
            entries: Some(first..end.unwrap_or(u64::MAX)),
        });
    }
    places.retain(|place| !place.bytes.is_empty());
    places
}

/// A segment's first entry, from its name.
fn first_index(name: &str) -> Option<u64> {
    let (_, index) = name.strip_suffix(".log")?.split_once('.')?;
    index.parse().ok()
}

/// The bytes of a segment's first entries.
fn settled_bytes(disk: &SimulatedDisk, path: &Path, entries: u64) -> u64 {
    let bytes = disk.bytes(path).unwrap_or_default();
    let mut at = 0;
    for _ in 0..entries {
        let length = bytes.get(at + BEFORE_LENGTH..at + BEFORE_BODY);
        let Some(length) = length.and_then(|length| length.try_into().ok()) else {
            break;
        };
        let length = u32::from_be_bytes(length);
        if length == 0 || at + BEFORE_BODY + length as usize > bytes.len() {
            break;
        }
        at += BEFORE_BODY + length as usize;
    }
    at as u64
}

/// Does some damage, elsewhere than `own`, that hides no entry which `others` hide.
pub(crate) fn harm(
    disk: &SimulatedDisk,
    settled: u64,
    (own, others): (&[Harm], &[Harm]),
    misdirected: bool,
    may_lose: bool,
    chance: &mut Chance,
) -> Option<Harm> {
    let mut places = places(disk, settled);
    // Segments matter most, and the newest above all.
    // What lies beside them may be beyond repair.
    let wants_segment = misdirected || !may_lose || chance.below(3) > 0;
    if wants_segment {
        places.retain(|place| place.entries.is_some());
        if chance.below(3) == 0 {
            places.drain(..places.len().saturating_sub(1));
        }
    }
    let place = places.get(chance.below(places.len() as u64) as usize)?;
    let (position, bad) = match misdirected {
        true => misdirected_write(disk, place, chance)?,
        false => {
            let position = place.bytes.start + chance.below(place.bytes.end - place.bytes.start);
            let byte = *disk.bytes(&place.path)?.get(position as usize)?;
            (position, vec![byte ^ (1 << chance.below(8))])
        }
    };
    let harm = Harm {
        path: place.path.clone(),
        position,
        bad,
        entries: place.entries.clone(),
    };
    let hides = others.iter().any(|other| other.overlaps(&harm));
    if hides || own.iter().any(|own| own.covers(&harm)) {
        return None;
    }
    let done = disk.misdirect(&harm.path, harm.position, &harm.bad);
    done.ok().map(|()| harm)
}

/// Some sectors of one of the group's segments, for a place where others lie.
fn misdirected_write(
    disk: &SimulatedDisk,
    place: &Place,
    chance: &mut Chance,
) -> Option<(u64, Vec<u8>)> {
    let sources: Vec<_> = disk.list(&group_path()).ok()?;
    let sources: Vec<_> = sources
        .into_iter()
        .filter(|file| first_index(&file.name).is_some())
        .collect();
    let source = sources.get(chance.below(sources.len() as u64) as usize)?;
    let source = disk.bytes(&group_path().join(&source.name))?;
    let sector =
        |bytes: u64, chance: &mut Chance| chance.below(bytes.div_ceil(SECTOR_BYTES)) * SECTOR_BYTES;
    let from = sector(source.len() as u64, chance);
    let to = sector(place.bytes.end, chance);
    let length = SECTOR_BYTES * (1 + chance.below(3));
    let length = length
        .min(source.len() as u64 - from)
        .min(place.bytes.end - to);
    let bytes = source
        .get(from as usize..(from + length) as usize)?
        .to_vec();
    let before = disk.bytes(&place.path)?;
    let same = before.get(to as usize..(to + length) as usize)? == bytes;
    (!same && !bytes.is_empty()).then_some((to, bytes))
}
