//! The last segment of a log being opened: its torn tail is cut, its kept tail made durable.

use std::io::{self, IoSlice};
use std::sync::Arc;

use model::{Durability, FilePosition, LogIndex};

use super::{Recovery, Scanned};
use crate::disk::DiskFile;
use crate::error::OpenLogError;
use crate::segment::{ActiveSegment, SegmentFile};

/// How much is read and rewritten at once, in bytes.
const STEP_BYTES: u64 = 1 << 20;

impl Recovery<'_> {
    /// The segment to go on with; `None` where nothing sound is in it.
    pub(super) fn last_segment(
        &mut self,
        scanned: Scanned,
    ) -> Result<Option<(ActiveSegment, Arc<dyn DiskFile>)>, OpenLogError> {
        let Scanned {
            mut facts,
            index,
            file,
            bad,
            noted_position,
        } = scanned;
        let noted = self.noted.map_or(LogIndex::ZERO, |noted| noted.index);
        // A purge that went further than this segment's sound end leaves nothing to miss.
        let needed = noted.max(LogIndex::ZERO);
        let purged = self.start.map_or(LogIndex::ZERO, |s| s.purged.index.next());
        if facts.end_index < needed && facts.end_index >= purged {
            let reason = bad.unwrap_or_else(|| "zeros where a batch should be".to_owned());
            let file = facts.name.log_file();
            return Err(self.damaged_at(&file, facts.bytes, reason, facts.end_index));
        }
        if facts.bytes == 0 {
            self.remove(&[facts.name])?;
            self.end = self.end.or(Some(facts.end()));
            return Ok(None);
        }
        let path = self.path.join(facts.name.log_file());
        self.make_sound(&*file, facts.bytes, noted_position)
            .map_err(|error| self.io(error))?;
        if let Some(reason) = bad {
            tracing::warn!(file = %path.display(), byte = facts.bytes, reason, "cut a torn tail");
        }
        self.end = Some(facts.end());
        let now = self.shared.clock.now();
        (facts.first_append, facts.last_append) = (Some(now), Some(now));
        let segment = Arc::new(SegmentFile::new(self.path, facts.name, facts.bytes));
        segment.attach(file.clone());
        segment.verified.lock().add(0..facts.bytes);
        let active = ActiveSegment {
            facts,
            index,
            file: segment,
        };
        Ok(Some((active, file)))
    }

    /// Cuts what is behind the last sound batch, unless it is zeros. On `fsync` logs, rewrites and syncs what is
    /// above the noted end: after a failed sync the page cache shows bytes that the disk does not have.
    fn make_sound(&self, file: &dyn DiskFile, end: u64, noted: Option<u64>) -> io::Result<()> {
        let torn = !is_zero(file, end)?;
        if torn {
            file.set_length(end)?;
        }
        let rewrites = self.settings.durability == Durability::Fsync;
        let kept = noted.unwrap_or(end)..end;
        let mut position = kept.start;
        while rewrites && position < kept.end {
            let length = (kept.end - position).min(STEP_BYTES);
            let mut bytes = vec![0; length as usize];
            file.read_at(FilePosition::new(position), &mut bytes)?;
            file.write_at(FilePosition::new(position), &[IoSlice::new(&bytes)])?;
            position += length;
        }
        if torn || (rewrites && kept.start < kept.end) {
            file.sync()?;
        }
        Ok(())
    }
}

/// Whether the file holds nothing but zeros from `position` on.
fn is_zero(file: &dyn DiskFile, mut position: u64) -> io::Result<bool> {
    let end = file.length();
    while position < end {
        let mut bytes = vec![0; (end - position).min(STEP_BYTES) as usize];
        file.read_at(FilePosition::new(position), &mut bytes)?;
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        position += bytes.len() as u64;
    }
    Ok(true)
}
