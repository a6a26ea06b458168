//! Cutting the log at its end. The noted end is lowered durably before a byte is touched; what is cut reads as
//! zeros afterwards, so that it can never come back.

use std::io::{self, IoSlice};
use std::ops::ControlFlow;
use std::sync::Arc;

use model::{FilePosition, LogId, LogIndex, Offset, Timestamp};

use super::locate::{Located, Wanted};
use super::state::State;
use super::write::{Current, Writer};
use super::{Log, LogInner};
use crate::disk::DiskFile;
use crate::error::{ReadLogError, SyncFailed, TruncateError};
use crate::journal::JournalError;
use crate::noted_ends::End;
use crate::segment::scan::Depth;
use crate::segment::{ActiveSegment, SegmentFile, SparseIndex};

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// The place of a cut inside a segment, and what remains known of that segment.
struct Cut {
    end: End,
    position: u64,
    max_timestamp: Option<Timestamp>,
    /// The index of a sealed segment, which becomes active again.
    reopened: Option<SparseIndex>,
    file: Option<Arc<dyn DiskFile>>,
}

/// What has to be done on disk for a cut.
struct Leftovers {
    removed: Vec<Arc<SegmentFile>>,
    kept: Option<(Arc<SegmentFile>, Arc<dyn DiskFile>, u64)>,
}

impl Log {
    /// Keeps entries up to and including `last` (`None`: none of those not purged). Blocks. Callbacks of appends
    /// that are cut off are dropped.
    ///
    /// # Errors
    /// [`TruncateError::BelowPurge`]; damage where the cut is; [`TruncateError::Failed`], for good if it says so, else
    /// nothing was done.
    pub fn truncate_after(&self, last: Option<LogIndex>) -> Result<(), TruncateError> {
        let _round = self.inner.round.lock();
        let mut writer = self.inner.writer.lock();
        self.inner.truncate(&mut writer, last).inspect_err(|error| {
            if let TruncateError::Failed(failed) = error {
                self.inner.latch(failed);
            }
        })
    }
}

impl LogInner {
    fn truncate(&self, writer: &mut Writer, last: Option<LogIndex>) -> Result<(), TruncateError> {
        let written = self.write_staged(writer);
        let located = {
            let state = self.state.lock();
            let end = last.map_or(state.first.index, LogIndex::next);
            if end < state.first.index {
                let first = state.first.index;
                return Err(TruncateError::BelowPurge {
                    wanted: last,
                    first,
                });
            }
            if end >= state.end.index {
                return Ok(());
            }
            // Entries that wait for space need not be written to be cut off.
            let is_passed = written.is_ok() || end <= state.written.index;
            written.or_else(|failed| match is_passed && !failed.is_final {
                true => Ok(None),
                false => Err(failed),
            })?;
            state
                .locate(Wanted::Index(end), Offset::ZERO)
                .zip(Some(end))
        };
        let Some((at, end)) = located else {
            return Ok(());
        };
        let cut = self.find_cut(&at, end)?;
        self.lower_noted(Some(cut.end))?;
        let leftovers = self.state.lock().cut(cut, writer);
        self.clear(leftovers)?;
        Ok(())
    }

    /// Lowers the noted end durably, before bytes above it are touched.
    pub(super) fn lower_noted(&self, end: Option<End>) -> Result<(), SyncFailed> {
        let shared = &self.shared;
        let lowered = shared.noted.lower(&self.path, end);
        let lowered = match lowered {
            Err(JournalError::Failed(failed)) if !failed.is_final && shared.release_ballast() => {
                shared.noted.lower(&self.path, end)
            }
            lowered => lowered,
        };
        lowered.map_err(|error| match error {
            JournalError::Failed(failed) => failed,
            error => self.failure(&self.path, io::Error::other(error)),
        })
    }

    fn find_cut(&self, at: &Located, end: LogIndex) -> Result<Cut, ReadLogError> {
        let base = at.facts.name;
        let whole = Cut {
            end: End {
                index: base.base_index,
                offset: base.base_offset,
            },
            position: 0,
            max_timestamp: None,
            reopened: None,
            file: None,
        };
        if base.base_index == end {
            return Ok(whole);
        }
        let Some(mut opened) = self.open(at, Wanted::Index(end))? else {
            return Ok(whole);
        };
        // From the front: the largest timestamp of what remains is wanted too.
        opened.from = crate::segment::scan::Cursor {
            index: base.base_index,
            offset: base.base_offset,
            position: 0,
        };
        let mut max_timestamp = None;
        let walked = self.walk(at, &opened, Depth::Headers, |visited| {
            if visited.index >= end {
                return ControlFlow::Break(());
            }
            if !visited.header.is_internal() {
                max_timestamp = max_timestamp.max(Some(visited.header.max_timestamp()));
            }
            ControlFlow::Continue(())
        })?;
        if walked.at.index < end {
            let reason = walked.bad.unwrap_or_else(|| "zeros".to_owned());
            return Err(self.damage(at, walked.at.position, reason));
        }
        Ok(Cut {
            end: End {
                index: walked.at.index,
                offset: walked.at.offset,
            },
            position: walked.at.position,
            max_timestamp,
            reopened: at.segment.index().map(Arc::unwrap_or_clone),
            file: Some(opened.file),
        })
    }

    /// Removes the files of whole segments, newest first, then zeroes the rest of the cut one.
    fn clear(&self, leftovers: Leftovers) -> Result<(), SyncFailed> {
        let disk = &*self.shared.disk;
        for segment in leftovers.removed.iter().rev() {
            self.remove_segment_files(segment)?;
            segment.close();
            // One by one: a crash must not leave a later segment without the ones before.
            disk.sync_directory(&self.path)
                .map_err(|error| self.failure(&self.path, error))?;
        }
        if let Some((segment, _, _)) = &leftovers.kept {
            remove_if_there(disk, &segment.index_path())
                .map_err(|error| self.failure(&segment.index_path(), error))?;
        }
        // Before zeroing: a later segment must not outlive the end of an earlier one.
        disk.sync_directory(&self.path)
            .map_err(|error| self.failure(&self.path, error))?;
        if let Some((segment, file, position)) = leftovers.kept {
            let zeroed = zero(&*file, position).and_then(|()| file.sync());
            zeroed.map_err(|error| self.failure(&segment.path, error))?;
        }
        Ok(())
    }

    /// Unlinks a segment, its index and its checkpoint. The directory is not synced.
    pub(super) fn remove_segment_files(&self, segment: &SegmentFile) -> Result<(), SyncFailed> {
        let checkpoint = self.beside(&super::checkpoint::file_name(segment.name.base_index));
        for path in [&segment.path, &segment.index_path(), &checkpoint] {
            remove_if_there(&*self.shared.disk, path).map_err(|error| self.failure(path, error))?;
        }
        Ok(())
    }
}

impl State {
    /// Forgets everything at the cut and above.
    fn cut(&mut self, cut: Cut, writer: &mut Writer) -> Leftovers {
        self.cuts += 1;
        self.staged.clear();
        self.waiting.retain_mut(|waiting| {
            let keep = !waiting.is_append || waiting.end_index <= cut.end.index;
            waiting.end_index = waiting.end_index.min(cut.end.index);
            keep
        });
        self.tail.truncate(cut.end.index);
        self.terms_dirty |= Arc::make_mut(&mut self.terms).truncate(cut.end.index);
        self.end = cut.end;
        self.written = self.written.min(cut.end);
        self.durable = self.durable.min(cut.end);
        self.last = self.last_before(cut.end.index);
        let mut removed = Vec::new();
        if let Some(active) = self
            .active
            .take_if(|active| active.facts.name.base_index >= cut.end.index)
        {
            removed.push(active.file);
        }
        while let Some(sealed) = self
            .sealed
            .pop_back_if(|sealed| sealed.facts.name.base_index >= cut.end.index)
        {
            removed.insert(0, sealed.file);
        }
        let kept = self.shorten(cut);
        let current_is_gone = writer.current.as_ref().is_some_and(|current| {
            let kept = kept.as_ref().map(|(segment, _, _)| segment);
            !kept.is_some_and(|kept| Arc::ptr_eq(kept, &current.segment))
        });
        if current_is_gone {
            writer.current = None;
        }
        if let (Some((segment, file, _)), None) = (&kept, &writer.current) {
            writer.current = Some(Current::new(segment.clone(), file.clone()));
        }
        self.debug_check();
        Leftovers { removed, kept }
    }

    /// Shortens the segment that the cut goes through, if it goes through one; a sealed one becomes active again.
    fn shorten(&mut self, cut: Cut) -> Option<(Arc<SegmentFile>, Arc<dyn DiskFile>, u64)> {
        let file = cut.file?;
        if self.active.is_none() {
            let sealed = self.sealed.pop_back()?;
            sealed.file.drop_index();
            // It may have been closed since, to make room for others.
            sealed.file.attach(file.clone());
            self.active = Some(ActiveSegment {
                facts: sealed.facts,
                index: cut.reopened.unwrap_or_default(),
                file: sealed.file,
            });
        }
        let active = self.active.as_mut()?;
        active.index.truncate(cut.position);
        active.facts.end_index = cut.end.index;
        active.facts.end_offset = cut.end.offset;
        active.facts.bytes = cut.position;
        active.facts.max_timestamp = cut.max_timestamp;
        active.file.set_written(cut.position);
        active.file.verified.lock().forget_from(cut.position);
        Some((active.file.clone(), file, cut.position))
    }

    /// The id of the entry before `end`.
    pub(super) fn last_before(&self, end: LogIndex) -> Option<LogId> {
        if end == self.first.index {
            return self.start.map(|start| start.purged);
        }
        let index = end.previous()?;
        let term = self.terms.term_at(index)?;
        Some(LogId { term, index })
    }
}

pub(crate) fn remove_if_there(
    disk: &dyn crate::disk::Disk,
    path: &std::path::Path,
) -> io::Result<()> {
    match disk.remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes zeros from `position` to the file's end.
fn zero(file: &dyn DiskFile, mut position: u64) -> io::Result<()> {
    let end = file.length();
    while position < end {
        let length = (end - position).min(ZEROS.len() as u64) as usize;
        let zeros = ZEROS.get(..length).unwrap_or(&ZEROS);
        file.write_at(FilePosition::new(position), &[IoSlice::new(zeros)])?;
        position += length as u64;
    }
    Ok(())
}
