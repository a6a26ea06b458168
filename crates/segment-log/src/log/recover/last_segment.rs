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

/// The segment that is appended to, and its file.
pub(super) type ToGoOn = (ActiveSegment, Arc<dyn DiskFile>);

impl Recovery<'_> {
    /// The segment to go on with; `None` where nothing sound is in it.
    pub(super) fn last_segment(
        &mut self,
        scanned: Scanned,
    ) -> Result<Option<ToGoOn>, OpenLogError> {
        let Scanned {
            mut facts,
            index,
            file,
            bad,
            first_time,
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
        // The age of a segment must not begin anew with each restart, or a quiet one would never be sealed.
        facts.first_append = first_time.map(|first| first.min(now));
        facts.last_append = Some(now);
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

    /// Cuts what is behind the last sound batch; zeros too, for the page cache may show zeros of a truncation that
    /// the disk does not have. On `fsync` logs, rewrites what is above the noted end: after a failed sync the page
    /// cache shows entries that the disk does not have. Syncs in any case, for a killed process may not have.
    fn make_sound(&self, file: &dyn DiskFile, end: u64, noted: Option<u64>) -> io::Result<()> {
        if file.length() > end {
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
        file.sync()
    }
}
